"""Losses on few directions, repeated: they are the run's own, and a slightly different model shows."""

from __future__ import annotations

import pytest
from random_models import random_model
from sampled import require_another_output_shows

from semphase.science.writes.facet import INDIVIDUAL, Writes
from semphase.science.writes.samples import FRACTION, Samples


@pytest.fixture
def study(study_of, random_gpt2):
    return study_of(random_gpt2)


def test_the_run_s_own_losses_are_compared_with_the_reference_model(study, tmp_path):
    (sample,) = Samples(study).samples()
    own = study.facet(Writes)
    count = own.scaled(FRACTION)
    assert own.losses(INDIVIDUAL, count).mean != study.text.baseline("judge").mean
    measured = study.store.measuring.seconds
    assert sample.name == f"losses of 1,008 tokens with every block's write in {count} directions"
    require_another_output_shows(sample, tmp_path)
    assert study.store.measuring.seconds == measured


@pytest.mark.parametrize("dtype", ["bfloat16", "float64"])
def test_a_device_may_round_as_its_dtype_does(study_of, random_gpt2, tmp_path, dtype):
    (sample,) = Samples(study_of(random_model("gpt2", tmp_path, dtype=dtype))).samples()
    assert 0 < sample.difference(random_gpt2) <= sample.allowed
