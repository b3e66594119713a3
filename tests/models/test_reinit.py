"""Re-initialised twins: one seed, one model; the parent's rules; nobody else's random numbers touched."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from semphase.models import reinitialised

TEXT = "the bank near the boat"


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma3_text", "gpt_neox"])
def test_one_seed_gives_one_model(loaded, family):
    parent = loaded(family)
    first, again, other = (reinitialised(parent, seed) for seed in (0, 0, 1))
    tokens = torch.tensor([parent.encode(TEXT)])
    with torch.no_grad():
        ours, same, different, original = (model.module(tokens).logits for model in (first, again, other, parent))
    assert torch.equal(ours, same)
    assert not torch.allclose(ours, different, atol=1e-2)
    assert not torch.allclose(ours, original, atol=1e-2)
    assert first.sha256 == again.sha256
    assert len({first.sha256, other.sha256, parent.sha256}) == 3


@pytest.mark.parametrize("processing", ["raw", "folded"])
def test_a_twin_has_its_parents_rules(loaded, processing):
    parent = loaded("gpt2", processing=processing, dtype="float64")
    twin = reinitialised(parent, 3)
    for field in ("family", "processing", "prepend_bos", "device", "dtype", "layers", "heads", "parameters"):
        assert getattr(twin, field) == getattr(parent, field)
    assert twin.encode(TEXT) == parent.encode(TEXT)
    assert twin.module.config._attn_implementation == parent.module.config._attn_implementation
    assert twin.name == f"{parent.name}-reinit-3"


def test_weights_follow_the_familys_own_initialisation(loaded):
    parent = loaded("gpt2", processing="raw")
    stem = reinitialised(parent, 0).module.transformer
    assert float(stem.wte.weight.std()) == pytest.approx(0.2, rel=0.03)  # the configuration's initializer_range
    residual = float(stem.h[0].mlp.c_proj.weight.std())  # scaled down by the square root of twice the depth
    assert residual == pytest.approx(0.2 / (2 * parent.layers) ** 0.5, rel=0.05)
    assert torch.equal(stem.h[0].ln_1.weight, torch.ones(parent.d_model))


def test_the_global_random_state_is_left_alone(loaded):
    parent = loaded("llama")
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002
    reinitialised(parent, 5)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]
    assert np.array_equal(np.random.get_state()[1], states[2])  # noqa: NPY002
