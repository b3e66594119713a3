"""Losses of the text under an edit, repeated: the same model gives the same, a slightly different one shows."""

from __future__ import annotations

import pytest
from sampled import require_another_output_shows

from semphase.study.text_samples import Samples


@pytest.fixture
def sample(study_of, random_gpt2):
    (found,) = Samples(study_of(random_gpt2)).samples()
    return found


def test_the_same_model_gives_the_same_losses(sample, random_gpt2):
    assert sample.difference(random_gpt2) <= sample.allowed
    assert sample.name == "losses of 1,008 tokens under an edit, head 1.0 zeroed"


def test_another_output_of_one_layer_shows(sample, tmp_path):
    require_another_output_shows(sample, tmp_path)
