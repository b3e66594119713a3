"""Angles between successive streams, against a plain loop and against TransformerLens."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from semphase.errors import SemphaseError
from semphase.measure.rotation import angle_between, rotation_angles
from semphase.models import Model, reference
from semphase.models.anatomy import anatomy

FAMILIES = ["gpt2", "gemma3_text", "opt", "phi"]
# The streams agree to 1e-4 of a length above 1 (see test_streams), and so do their directions.
CLOSE = 1e-4


def text_of(model: Model) -> list[int]:
    return model.encode("so the bank and the crane and the bat of the river")


def streams_of(model: Model, tokens: list[int]) -> np.ndarray:
    """φ(l) at every position from a TransformerLens run, [layer, position, d]."""
    _, cache = reference.bridge(model).run_with_cache(torch.tensor([tokens]))
    after = [cache[f"blocks.{k}.hook_resid_post"][0] for k in range(model.layers)]
    return torch.stack([cache["blocks.0.hook_resid_pre"][0], *after]).double().numpy()


@pytest.mark.parametrize("family", FAMILIES)
def test_angles_are_those_of_transformer_lens_by_a_slow_loop(loaded, family):
    model = loaded(family)
    tokens = text_of(model)
    measured = rotation_angles(model, tokens)["angle"]
    assert measured.dims == ("position", "block")
    streams = streams_of(model, tokens)
    for position in range(len(tokens)):
        for block in range(model.layers):
            before, after = streams[block, position], streams[block + 1, position]
            cosine = sum(a * b for a, b in zip(before, after, strict=True))
            cosine /= math.sqrt(sum(a * a for a in before)) * math.sqrt(sum(b * b for b in after))
            assert measured[position, block] == pytest.approx(math.acos(cosine), abs=CLOSE)


def test_an_earlier_position_does_not_see_a_later_one(loaded):
    model = loaded("gpt2")
    tokens = text_of(model)
    whole, part = (rotation_angles(model, length)["angle"] for length in (tokens, tokens[:5]))
    np.testing.assert_allclose(part, whole[:5], atol=CLOSE)


@given(st.floats(0, math.pi), st.floats(1e-3, 1e3), st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_a_planted_angle_is_found_to_rounding(angle, length, d, seed):
    # Near 0 and π an arccos of the cosine is off by up to 1e-8; this form is good to a few roundings of float64.
    rng = np.random.default_rng(seed)
    basis = torch.from_numpy(np.linalg.qr(rng.normal(size=(d, d)))[0])
    a, b = basis[0], length * (math.cos(angle) * basis[0] + math.sin(angle) * basis[1])
    assert float(angle_between(a[None], b[None])) == pytest.approx(angle, abs=1e-14)


def test_activations_that_are_not_finite_are_an_error(loaded):
    broken = copy.deepcopy(loaded("gpt2").module)
    parts = anatomy(broken)
    parts.mlp[1].c_proj.bias[0] = torch.nan
    model = replace(loaded("gpt2"), module=broken, anatomy=parts)
    with pytest.raises(SemphaseError, match="on the corpus are not finite"):
        rotation_angles(model, text_of(model))


def test_no_hook_stays_behind(loaded):
    model = loaded("llama")
    rotation_angles(model, text_of(model))
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.module.modules())
