"""Arithmetic that the engine is asked for, and how fast this machine multiplies matrices."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from semphase.measure.replay import Replay
from semphase.measure.sweeps import Substitute, head_by_head

SIDE, TRIES = 2048, 5


def product_speed() -> float:
    """GFLOP/s of a square float32 product, the fastest of several."""
    x = torch.randn(SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    times = []
    for _ in range(TRIES):
        begun = time.perf_counter()
        torch.mm(x, x)
        times.append(time.perf_counter() - begun)
    return float(2 * SIDE**3 / min(times) / 1e9)


def replay_flops(make: Callable[[], Replay], zero: Substitute, heads: Sequence[Sequence[int]]) -> int:
    """Floating-point operations of the matrix products of one replay and of some heads, [layer, head].

    Counted for the first and the last layer; between them the cost falls by one block from layer to layer.
    """
    with _counting() as counter:
        replay = make()
    with replay:
        build, last = counter.get_total_flops(), replay.model.layers - 1
        look = _count(lambda: replay.probe(last, lambda seen: seen.outputs))
        ends = [_count(partial(head_by_head, replay, k, zero, [0])) - look for k in (0, last)]
    block = (ends[0] - ends[1]) // max(1, last)
    layers = [layer for layer, _ in heads]
    return build + len(set(layers)) * look + sum(ends[1] + (last - layer) * block for layer in layers)


def _count(run: Callable[[], Any]) -> int:
    with _counting() as counter:
        run()
    return int(counter.get_total_flops())


def _counting() -> FlopCounterMode:
    fused = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    return FlopCounterMode(display=False, custom_mapping={fused: _attention})


def _attention(
    query: Sequence[int], key: Sequence[int], value: Sequence[int], _dropout: float = 0.0, causal: bool = False,
    *_: object, **__: object,
) -> int:  # fmt: skip
    """The two products of fused attention, half of them where it leaves the future out."""
    batch, heads, positions, d_head = query
    total = 2 * batch * heads * positions * key[-2] * (d_head + value[-1])
    return total // 2 if causal else total
