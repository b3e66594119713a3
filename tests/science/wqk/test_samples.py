"""Losses under rebuilt weights, repeated: they are the run's own, and a slightly different model shows."""

from __future__ import annotations

import pytest
from random_models import random_model
from sampled import require_another_output_shows

from semphase.science.wqk.facet import WeightBasis
from semphase.science.wqk.samples import Samples


@pytest.fixture
def study(study_of, random_gpt2):
    return study_of(random_gpt2)


def test_the_run_s_own_losses_are_compared_with_the_reference_model(study, random_gpt2, tmp_path):
    (sample,) = Samples(study).samples()
    own = study.facet(WeightBasis)
    own.losses("leading", own.grid[0])
    measured = study.store.measuring.seconds
    assert sample.name == "losses of 1,008 tokens with query weights rebuilt from 1 component"
    require_another_output_shows(sample, tmp_path)
    assert study.store.measuring.seconds == measured
    assert own.losses("leading", own.grid[0]).mean != study.text.baseline("both").mean


def test_queries_that_were_rebuilt_otherwise_show(study, random_gpt2, monkeypatch):
    (sample,) = Samples(study).samples()
    assert sample.difference(random_gpt2) <= sample.allowed
    own = study.facet(WeightBasis)
    rebuilt = own.rebuilt
    monkeypatch.setattr(own, "rebuilt", lambda kind, count: 1.01 * rebuilt(kind, count))
    assert sample.difference(random_gpt2) > sample.allowed


def test_a_model_of_too_few_heads_has_no_sample(study, monkeypatch):
    monkeypatch.setattr(WeightBasis, "heads", 4)
    assert not list(Samples(study).samples())


@pytest.mark.parametrize("dtype", ["bfloat16", "float64"])
def test_a_device_may_round_as_its_dtype_does(study_of, random_gpt2, tmp_path, dtype):
    (sample,) = Samples(study_of(random_model("gpt2", tmp_path, dtype=dtype))).samples()
    assert 0 < sample.difference(random_gpt2) <= sample.allowed
