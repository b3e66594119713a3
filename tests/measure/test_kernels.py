"""Kernelised attention against its quadratic form, a slow loop, and the forms that change a model's heads."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import semphase.measure.kernels as kernels
from semphase.measure.attention import Attending
from semphase.measure.changes import FORMS
from semphase.measure.kernels import (
    CHUNK,
    FEATURE_MAPS,
    SEGMENT,
    kernelised,
    kernelised_flops,
    quadratic,
    softmax_flops,
)

MAPS = list(FEATURE_MAPS)
LENGTHS = [1, 2, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 300, SEGMENT, SEGMENT + 1]
HEADS, KV, D_HEAD, D_VALUE = 4, 2, 6, 5
SCALING = 0.3
# What the claim on costs asks for; float32 sums of a few hundred terms are far closer.
EQUAL = 1e-4
# Numbers of order one in float64, sums of tens of them.
CLOSE = 1e-12


def vectors(n: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    shapes = ((HEADS, D_HEAD), (KV, D_HEAD), (KV, D_VALUE))
    return tuple(torch.randn(2, heads, n, d, generator=generator, dtype=dtype) for heads, d in shapes)


def phi(feature_map: str, x: np.ndarray) -> np.ndarray:
    if feature_map == "elu":
        return np.where(x > 0, x + 1, np.exp(x))
    return np.maximum(x, 0) if feature_map == "relu" else x


def slow_attention(q: np.ndarray, k: np.ndarray, v: np.ndarray, feature_map: str) -> np.ndarray:
    found = np.zeros((*q.shape[:3], v.shape[-1]))
    for b in range(q.shape[0]):
        for h in range(HEADS):
            kv = h // (HEADS // KV)
            for i in range(q.shape[2]):
                total = 0.0
                for j in range(i + 1):
                    weight = SCALING * sum(phi(feature_map, q[b, h, i]) * phi(feature_map, k[b, kv, j]))
                    found[b, h, i] += weight * v[b, kv, j]
                    total += weight
                if feature_map != "identity":
                    found[b, h, i] = found[b, h, i] / total if total else 0
    return found


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("feature_map", MAPS)
def test_kernelised_equals_quadratic(feature_map, n):
    fast, slow = (form(*vectors(n), feature_map, SCALING) for form in (kernelised, quadratic))
    assert fast.shape == slow.shape == (2, HEADS, n, D_VALUE)
    assert fast.dtype == torch.float32
    assert (fast - slow).abs().max() <= EQUAL * slow.abs().max()


@pytest.mark.parametrize("feature_map", MAPS)
def test_they_are_one_function_in_double_precision(feature_map):
    inputs = vectors(SEGMENT + CHUNK + 44, dtype=torch.float64)
    fast, slow = (form(*inputs, feature_map, SCALING) for form in (kernelised, quadratic))
    torch.testing.assert_close(fast, slow, rtol=0, atol=CLOSE * float(slow.abs().max()))


@pytest.mark.parametrize("feature_map", MAPS)
def test_quadratic_is_the_slow_loop(feature_map):
    inputs = vectors(12, dtype=torch.float64)
    slow = slow_attention(*(x.numpy() for x in inputs), feature_map)
    np.testing.assert_allclose(quadratic(*inputs, feature_map, SCALING).numpy(), slow, atol=CLOSE)


@pytest.mark.parametrize("n", [5, CHUNK + 1])
def test_the_identity_map_is_the_form_of_the_changes(n):
    query, key, value = vectors(n)
    seen = Attending(nn.Identity(), query, key, value, None, SCALING)
    heads = list(range(HEADS))
    changed = seen.weighted(FORMS["identity"](seen, heads), heads).transpose(1, 2)
    found = kernelised(query, key, value, "identity", SCALING)
    assert (found - changed).abs().max() <= EQUAL * changed.abs().max()


@pytest.mark.parametrize("feature_map", MAPS)
def test_many_segments_are_one(monkeypatch, feature_map):
    inputs = vectors(5 * CHUNK + 7)
    whole = kernelised(*inputs, feature_map, SCALING)
    monkeypatch.setattr(kernels, "SEGMENT", CHUNK)
    parted = kernelised(*inputs, feature_map, SCALING)
    assert (whole - parted).abs().max() <= EQUAL * whole.abs().max()


@pytest.mark.parametrize("form", [kernelised, quadratic])
def test_a_position_without_weight_gives_zero(form):
    query, key, value = vectors(CHUNK + 3)
    query, key = query.abs(), key.abs()
    query[:, :, 2], key[:, :, :2] = -1, -1
    found = form(query, key, value, "relu", SCALING)
    # Position 2 has no positive feature; no key that positions 0 and 1 see has one.
    assert (found[:, :, :3] == 0).all()
    assert found.isfinite().all()
    assert (found[:, :, 3:] != 0).any(dim=-1).all()


@pytest.mark.parametrize("feature_map", ["elu", "relu"])
def test_normalised_maps_average_the_values_and_know_no_scaling(feature_map):
    query, key, value = vectors(CHUNK + 3)
    found = kernelised(query, key, torch.full_like(value, 7), feature_map, SCALING)
    seen = found[found != 0]
    torch.testing.assert_close(seen, torch.full_like(seen, 7))
    other = kernelised(query, key, value, feature_map, 2 * SCALING)
    torch.testing.assert_close(other, kernelised(query, key, value, feature_map, SCALING))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("feature_map", MAPS)
def test_narrow_vectors_are_summed_in_single_precision(feature_map, dtype):
    inputs = [x.to(dtype) for x in vectors(300)]
    found = kernelised(*inputs, feature_map, SCALING)
    assert found.dtype == dtype
    wide = kernelised(*(x.float() for x in inputs), feature_map, SCALING)
    torch.testing.assert_close(found, wide.to(dtype), rtol=0, atol=0)


@given(st.sampled_from(MAPS), st.integers(2, 2 * CHUNK + 5), st.data(), st.floats(-100, 100), st.integers(0, 2**32 - 1))
def test_later_keys_and_values_change_no_earlier_output(feature_map, n, data, change, seed):
    start = data.draw(st.integers(1, n - 1))
    query, key, value = vectors(n, seed)
    before = kernelised(query, key, value, feature_map, SCALING)
    key[:, :, start:] += change
    value[:, :, start:] *= change
    after = kernelised(query, key, value, feature_map, SCALING)
    assert torch.equal(after[:, :, :start], before[:, :, :start])


def slow_flops(n: int, heads: int, d_head: int, chunk: int) -> int:
    """Adds up what every position does; a chunk as long as the text is attention by one matrix, without states."""
    count = 0
    for _ in range(heads):
        for i in range(n):
            for j in range(i + 1):
                if i // chunk == j // chunk:
                    count += sum(2 for _ in range(d_head)) + sum(2 for _ in range(d_head))
            if chunk < n:
                count += 2 * sum(2 for _ in range(d_head) for _ in range(d_head))
    return count


@pytest.mark.parametrize("n", [CHUNK + 1, 2 * CHUNK, 300])
def test_flops_are_those_of_a_slow_count(n):
    assert kernelised_flops(n, 2, 3) == slow_flops(n, 2, 3, CHUNK)
    assert softmax_flops(n, 2, 3) == slow_flops(n, 2, 3, n)


def test_flops_grow_as_n_and_as_its_square():
    assert kernelised_flops(8192, 9, 64) == 16 * kernelised_flops(512, 9, 64)
    assert softmax_flops(8192, 9, 64) / softmax_flops(512, 9, 64) == pytest.approx(256, rel=2e-3)
