"""Arithmetic that the engine is asked for, and how fast a device multiplies matrices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from clock import Clock
from torch.utils.flop_counter import FlopCounterMode

from semphase.measure.products.tf32 import has_tf32, tf32_products
from semphase.measure.replay import Replay
from semphase.measure.sweeps import Substitute, head_by_head

SIDE, WIDE_SIDE, TRIES = 2048, 8192, 5
"""A product of the first size keeps a processor busy, of the second one a GPU."""


def product_speeds(device: torch.device) -> dict[str, Any]:
    """GFLOP/s of square products, the fastest of several: in float32, and what else a GPU has; `side` is their size."""
    side = SIDE if device.type == "cpu" else WIDE_SIDE
    x = torch.randn(side, side, generator=torch.Generator().manual_seed(0)).to(device)
    found = {"float32": _speed(x)}
    if has_tf32(device):
        with tf32_products(device):
            found["TF32"] = _speed(x)
    if device.type == "cuda":
        found["bfloat16"] = _speed(x.bfloat16())
    return {"side": side, "gflops": found}


def _speed(x: torch.Tensor) -> float:
    times = []
    for _ in range(TRIES):
        clock = Clock(x.device)
        torch.mm(x, x)
        times.append(clock.seconds())
    return float(2 * len(x) ** 3 / min(times) / 1e9)


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
    # By itself the counter knows nothing of the first, and not that the second leaves the future out.
    on_cpu = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    on_cuda = torch.ops.aten._scaled_dot_product_efficient_attention
    return FlopCounterMode(display=False, custom_mapping={on_cpu: _attention, on_cuda: _attention_on_cuda})


def _attention(
    query: Sequence[int], key: Sequence[int], value: Sequence[int], _dropout: float = 0.0, causal: bool = False,
    *_: object, **__: object,
) -> int:  # fmt: skip
    """The two products of fused attention, half of them where it leaves the future out."""
    batch, heads, positions, d_head = query
    total = 2 * batch * heads * positions * key[-2] * (d_head + value[-1])
    return total // 2 if causal else total


def _attention_on_cuda(
    query: Sequence[int], key: Sequence[int], value: Sequence[int], _bias: object, _sums: object,
    dropout: float = 0.0, causal: bool = False, *_: object, **__: object,
) -> int:  # fmt: skip
    return _attention(query, key, value, dropout, causal)
