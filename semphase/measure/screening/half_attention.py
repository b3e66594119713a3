"""Softmax attention in half precision, for screening.

Processors multiply bfloat16 matrices fast but have no fused attention that does. There whole products are taken, for
a block of queries and all heads of one key at a time, and only with keys up to the block's end.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import BFloat16, Float, Float16
from torch import Tensor

from semphase.measure.attention import Attending, Outputs, softmax_outputs

QUERIES = 128
"""A block; longer ones multiply more keys that none of theirs may see, shorter ones make products small."""


def half_outputs(seen: Attending) -> Outputs:
    """The heads' outputs, factors and scores rounded to 8 bits.

    Not where scores are capped or have sinks or, on a processor, where keys before a position are hidden.
    """
    fused = seen.query.device.type != "cpu"
    if not seen.plain or (seen.mask is not None and not fused):
        return softmax_outputs(seen)
    query, key, value = (own.bfloat16() for own in (seen.query * seen.scaling, seen.key, seen.value))
    if fused:
        found = softmax_outputs(replace(seen, query=query, key=key, value=value, scaling=1.0))
    else:
        found = _blocked(query, key, value)
    return found.to(seen.value.dtype)


def float16_outputs(seen: Attending) -> Outputs:
    """The heads' outputs by the device's fused kernel, factors rounded to 11 bits, as TF32 has.

    Not where scores are capped or have sinks.

    What float16 cannot hold becomes its largest number.
    """
    if not seen.plain:
        return softmax_outputs(seen)
    query, key, value = (_saturated(own) for own in (seen.query * seen.scaling, seen.key, seen.value))
    found = softmax_outputs(replace(seen, query=query, key=key, value=value, scaling=1.0))
    return found.to(seen.value.dtype)


def _saturated(own: Float[Tensor, "batch any position d"]) -> Float16[Tensor, "batch any position d"]:
    largest = torch.finfo(torch.float16).max
    return own.clamp(-largest, largest).half()


def _blocked(
    query: BFloat16[Tensor, "batch head position d_head"],
    key: BFloat16[Tensor, "batch kv position d_head"],
    value: BFloat16[Tensor, "batch kv position d_value"],
) -> BFloat16[Tensor, "batch position head d_value"]:
    batch, kv, length, width = value.shape
    rows, keys, values = query.unflatten(1, (kv, -1)).flatten(0, 1), key.flatten(0, 1), value.flatten(0, 1)
    found = value.new_empty(batch, length, kv, rows.shape[1], width)
    hidden = key.new_full((QUERIES, QUERIES), float("-inf")).triu_(1)
    for start in range(0, length, QUERIES):
        end = min(start + QUERIES, length)
        scores = (rows[:, :, start:end].flatten(1, 2) @ keys[:, :end].mT).view(batch * kv, -1, end - start, end)
        scores[..., start:] += hidden[: end - start, : end - start]
        outputs = scores.softmax(dim=-1).flatten(1, 2) @ values[:, :end]
        found[:, start:end] = outputs.view(batch, kv, -1, end - start, width).permute(0, 3, 1, 2, 4)
    return found.flatten(2, 3)
