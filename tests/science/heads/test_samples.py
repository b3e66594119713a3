"""Losses under single zeroed heads, repeated: they are the run's own, and a slightly different model shows."""

from __future__ import annotations

import numpy as np
import pytest
from random_models import random_model
from sampled import require_another_output_shows

from semphase.science.heads.facet import Heads
from semphase.science.heads.samples import Samples
from semphase.stats.blocks import in_blocks


@pytest.fixture
def study(study_of, random_gpt2):
    return study_of(random_gpt2)


@pytest.fixture
def sample(study):
    (found,) = Samples(study).samples()
    return found


def test_a_head_of_the_first_the_middle_and_the_last_layer(study, sample):
    assert Samples(study).chosen == {0: 0, 1: 1, 2: 3}
    assert sample.name == "losses of 1,008 tokens with one head zeroed, 3 heads"


def test_they_are_what_the_run_measured(study):
    own, ids = Samples(study), next(study.text.groups("choose"))
    measured = study.store.measuring.seconds
    swept = study.facet(Heads).single("zero", "choose")
    assert study.store.measuring.seconds > measured
    measured = study.store.measuring.seconds
    blocks = len(in_blocks(np.zeros((len(ids), ids.shape[1] - 1)))[1])
    found = own.measured(ids, len(ids))
    assert study.store.measuring.seconds == measured
    expected = swept.sums[[0, 5, 11], :blocks].sum(axis=-1) / swept.counts[:blocks].sum()
    assert found == pytest.approx(expected, rel=1e-12)


def test_the_same_model_gives_the_same_losses(sample, random_gpt2):
    assert sample.difference(random_gpt2) <= sample.allowed


def test_another_output_of_one_layer_shows(sample, tmp_path):
    require_another_output_shows(sample, tmp_path)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64"])
def test_a_device_may_round_as_its_dtype_does(study_of, random_gpt2, tmp_path, dtype):
    (own,) = Samples(study_of(random_model("gpt2", tmp_path, dtype=dtype))).samples()
    assert 0 < own.difference(random_gpt2) <= own.allowed
