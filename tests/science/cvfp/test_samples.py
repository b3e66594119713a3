"""First epochs of a training, repeated: they are the run's own, and another embedding shows."""

from __future__ import annotations

import pytest
import torch
from random_models import random_model

from semphase.science.cvfp.facet import Cvfp
from semphase.science.cvfp.samples import EPOCHS, Samples
from semphase.science.cvfp.spending import SIZES, Sizes
from semphase.study.budget import Budget

FEW = Sizes(documents=(4, 6), validation_documents=4, document_tokens=20, seeds=2)


@pytest.fixture
def study(study_of, random_gpt2, monkeypatch):
    monkeypatch.setitem(SIZES, "small", FEW)
    return study_of(random_gpt2, budget=Budget("small", simulations=20))


def test_what_nobody_trained_is_not_trained_to_be_compared(study):
    assert not list(Samples(study).samples())


def test_the_run_s_own_epochs_are_compared_with_the_reference_model(study, random_gpt2, tmp_path):
    _ = study.facet(Cvfp).bigram
    measured = study.store.measuring.seconds
    (sample,) = Samples(study).samples()
    assert sample.name == f"perplexities of {EPOCHS} epochs of a training on 4 documents"
    assert sample.difference(random_gpt2) < 0.1 * sample.allowed
    other = random_model("gpt2", tmp_path)
    with torch.no_grad():
        other.module.transformer.wte.weight *= 1.01
    assert sample.difference(other) > sample.allowed
    assert study.store.measuring.seconds == measured
