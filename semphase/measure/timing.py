"""How long causal attention takes at growing lengths: the kernelised form and softmax, on random vectors."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from semphase.errors import SemphaseError
from semphase.measure import kernels

LENGTHS = (512, 1024, 2048, 4096, 8192)
LEAST_SECONDS = 5e-3
"""A time is the mean of as many calls as fill this, so that the clock's steps and a single interrupt weigh little."""
EQUAL = 1e-4
"""Largest difference of the kernelised form from the quadratic one, relative to the largest output."""

Vectors = Float[Tensor, "1 head position d_head"]
OfAnyLength = Float[Tensor, "1 head _ d_head"]
Triple = tuple[Vectors, Vectors, Vectors]
Attention = Callable[[Vectors, Vectors, Vectors], Vectors]


def attention_times(
    heads: int,
    d_head: int,
    lengths: Sequence[int],
    repeats: int,
    device: torch.device,
    dtype: torch.dtype,
    seed: int,
    feature_map: str = "identity",
) -> xr.Dataset:
    """Seconds of one call: `seconds` (form, length, repeat), and `flops` (form, length) of its matrix products.

    The forms are "kernelised" (`kernels.kernelised` under the feature map) and "softmax" (PyTorch's fused causal
    attention), both on the same random queries, keys and values. Every repeat goes through all lengths and forms, so
    that a busy moment of the machine hits all. On a CPU one thread works: waiting for others costs the same at every
    length, and would flatten the growth. Raises SemphaseError where the kernelised form does not equal the quadratic
    one on this device.
    """
    generator = torch.Generator().manual_seed(seed)
    # Two segments, the second with a whole chunk and a part of one; two heads, for the matrix of weights is large.
    check_equal(
        _draw(generator, min(heads, 2), kernels.SEGMENT + kernels.CHUNK + 1, d_head, device, dtype), feature_map
    )
    inputs = {length: _draw(generator, heads, length, d_head, device, dtype) for length in lengths}
    forms = _forms(feature_map, d_head**-0.5)
    with one_thread():
        seconds = _timed(list(forms.values()), list(inputs.values()), repeats)
    counts = (kernels.kernelised_flops, kernels.softmax_flops)
    flops = np.array([[count(length, heads, d_head) for length in inputs] for count in counts])
    return xr.Dataset(
        {
            "seconds": (("form", "length", "repeat"), seconds, {"unit": "second"}),
            "flops": (("form", "length"), flops, {"unit": "floating point operation"}),
        },
        coords={"form": list(forms), "length": list(inputs)},
        attrs={
            "heads": heads,
            "d_head": d_head,
            "feature_map": feature_map,
            "device": str(device),
            "dtype": str(dtype),
        },
    )


def check_equal(vectors: Triple, feature_map: str) -> None:
    """Raise SemphaseError where the kernelised and the quadratic form differ by more than `EQUAL`."""
    # Narrow vectors are widened first: both forms sum in float32, and only rounding the outputs would part them.
    query, key, value = (x.to(torch.promote_types(x.dtype, torch.float32)) for x in vectors)
    scaling = query.shape[-1] ** -0.5
    fast = kernels.kernelised(query, key, value, feature_map, scaling)
    slow = kernels.quadratic(query, key, value, feature_map, scaling)
    difference = float((fast - slow).abs().max() / slow.abs().max())
    # Written so that a difference that is no number fails as well.
    if not difference <= EQUAL:
        raise SemphaseError(
            f"the kernelised form of the {feature_map} map differs from its quadratic form by {difference:.2g} of the "
            f"largest output on {query.device}, more than {EQUAL:g}; measure on another device."
        )


def _forms(feature_map: str, scaling: float) -> Mapping[str, Attention]:
    return {
        "kernelised": lambda q, k, v: kernels.kernelised(q, k, v, feature_map, scaling),
        "softmax": lambda q, k, v: functional.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scaling),
    }


def _draw(
    generator: torch.Generator, heads: int, length: int, d_head: int, device: torch.device, dtype: torch.dtype
) -> Triple:
    """Normal q, k and v; drawn on the CPU, so that a seed gives the same on every device."""
    drawn = torch.randn(3, 1, heads, length, d_head, generator=generator).to(device, dtype)
    return drawn[0], drawn[1], drawn[2]


def _timed(
    forms: Sequence[Attention], inputs: Sequence[tuple[OfAnyLength, OfAnyLength, OfAnyLength]], repeats: int
) -> Float[np.ndarray, "form length repeat"]:
    seconds = np.empty((len(forms), len(inputs), repeats))
    for vectors in inputs:
        for attend in forms:
            _call(attend, vectors)
    for repeat in range(repeats):
        for length, vectors in enumerate(inputs):
            for form, attend in enumerate(forms):
                seconds[form, length, repeat] = _seconds(attend, vectors)
    return seconds


@contextmanager
def one_thread() -> Iterator[None]:
    """Tensor work inside the block gets one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _seconds(attend: Attention, vectors: Triple) -> float:
    begin, calls, passed = time.perf_counter(), 0, 0.0
    while passed < LEAST_SECONDS:
        _call(attend, vectors)
        calls, passed = calls + 1, time.perf_counter() - begin
    return passed / calls


def _call(attend: Attention, vectors: Triple) -> None:
    attend(*vectors)
    wait_for(vectors[0].device)


def least_seconds(ways: Sequence[Callable[[], object]], rounds: int, device: torch.device) -> list[float]:
    """Seconds of the fastest round of each; a first round warms up.

    In turn, so that what else the machine does slows all down alike; the least time is the one without it.
    """
    times = [[_taken(way, device) for way in ways] for _ in range(rounds + 1)][1:]
    return [min(own) for own in zip(*times, strict=True)]


def _taken(way: Callable[[], object], device: torch.device) -> float:
    begun = time.perf_counter()
    way()
    wait_for(device)
    return time.perf_counter() - begun


def wait_for(device: torch.device) -> None:
    """Return when the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
