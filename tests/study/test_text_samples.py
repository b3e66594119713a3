"""Losses of the text under an edit, repeated: the same model gives the same, a slightly different one shows."""

from __future__ import annotations

import pytest
import torch
from random_models import random_model

from semphase.study.text_samples import Samples


@pytest.fixture
def sample(study_of, random_gpt2):
    (found,) = Samples(study_of(random_gpt2)).samples()
    return found


def test_the_same_model_gives_the_same_losses(sample, random_gpt2):
    assert sample.difference(random_gpt2) <= sample.allowed
    assert sample.name == "losses of 1,008 tokens under an edit, head 1.0 zeroed"


def test_another_output_of_one_layer_shows(sample, tmp_path):
    other = random_model("gpt2", tmp_path)
    assert sample.difference(other) <= sample.allowed
    with torch.no_grad():
        other.module.transformer.h[2].attn.c_proj.weight *= 1.001
    assert sample.difference(other) > sample.allowed
