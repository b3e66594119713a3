"""Times of attention: what is measured, and that a wrong kernel is not timed."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest
import torch

import semphase.measure.kernels as kernels
import semphase.measure.timing as timing
from semphase.errors import SemphaseError
from semphase.measure.timing import attention_times, check_equal

CPU = torch.device("cpu")
LENGTHS = (8, 200)


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setattr(timing, "LEAST_SECONDS", 1e-4)


def triple(dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.randn(1, 2, 300, 4, generator=generator).to(dtype) for _ in range(3))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_every_form_is_timed_at_every_length(dtype):
    state = torch.get_rng_state()
    times = attention_times(2, 4, LENGTHS, 3, CPU, dtype, seed=0)
    assert times["seconds"].dims == ("form", "length", "repeat")
    assert times["seconds"].shape == (2, 2, 3)
    assert times["form"].values.tolist() == ["kernelised", "softmax"]
    assert times["length"].values.tolist() == list(LENGTHS)
    assert (times["seconds"] > 0).all()
    assert np.isfinite(times["seconds"]).all()
    assert times["flops"].sel(form="kernelised", length=200) == kernels.kernelised_flops(200, 2, 4)
    assert times["flops"].sel(form="softmax", length=8) == kernels.softmax_flops(8, 2, 4)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_time_is_the_mean_of_the_calls_that_fill_the_least(monkeypatch):
    clock = iter([10.0, *(10.0 + 0.002 * call for call in range(1, 9))])
    calls = []
    monkeypatch.setattr(timing, "LEAST_SECONDS", 5e-3)
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(clock))
    found = timing._seconds(lambda *_: calls.append(1), triple())
    assert len(calls) == 3
    assert found == pytest.approx(0.002)


def test_repeats_go_through_all_forms_and_lengths(monkeypatch):
    order = []

    def seconds(attend, vectors):
        order.append((attend, vectors[0].shape[2]))
        return 1.0 * len(order)

    monkeypatch.setattr(timing, "_seconds", seconds)
    times = attention_times(1, 4, LENGTHS, 2, CPU, torch.float32, seed=0)
    assert times["seconds"].values.tolist() == [[[1, 5], [3, 7]], [[2, 6], [4, 8]]]
    assert [length for _, length in order] == [8, 8, 200, 200] * 2
    assert order[:4] == order[4:]


@pytest.mark.parametrize("fails", [False, True])
def test_one_thread_works_and_the_others_come_back(monkeypatch, fails):
    def seconds(attend, vectors):
        assert torch.get_num_threads() == 1
        if fails:
            raise SemphaseError("stopped")
        return 1.0

    monkeypatch.setattr(timing, "_seconds", seconds)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(SemphaseError, match="stopped") if fails else nullcontext():
            attention_times(1, 4, LENGTHS, 1, CPU, torch.float32, seed=0)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("feature_map", list(kernels.FEATURE_MAPS))
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_a_right_kernel_passes_in_every_dtype(feature_map, dtype):
    check_equal(triple(dtype), feature_map)


@pytest.mark.parametrize("factor", [1 + 3e-4, float("nan")])
def test_a_wrong_kernel_is_not_timed(monkeypatch, factor):
    right = kernels.kernelised
    monkeypatch.setattr(kernels, "kernelised", lambda *given: right(*given) * factor)
    with pytest.raises(SemphaseError, match="differs from its quadratic form"):
        attention_times(2, 4, LENGTHS, 1, CPU, torch.float32, seed=0)


def test_a_kernel_that_forgets_the_chunks_before_is_not_timed(monkeypatch):
    def forgetful(query, key, value, feature_map, scaling):
        parts = (x.split(kernels.CHUNK, dim=2) for x in (query, key, value))
        made = [kernels.quadratic(*part, feature_map, scaling) for part in zip(*parts, strict=True)]
        return torch.cat(made, dim=2)

    monkeypatch.setattr(kernels, "kernelised", forgetful)
    with pytest.raises(SemphaseError, match="differs from its quadratic form"):
        attention_times(2, 4, LENGTHS, 1, CPU, torch.float32, seed=0, feature_map="elu")
