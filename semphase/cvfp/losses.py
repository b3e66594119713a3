"""Next-token losses under the tied head, a piece of the vocabulary at a time, with their gradient."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable


class _Tied(torch.autograd.Function):
    """The head is frozen, so d nats / d x is computed with the loss and kept, [token, d], instead of the logits."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, head: Tensor, target: Tensor, chunk: int) -> tuple[Tensor, Tensor]:
        tiles = head.split(chunk)
        if len(tiles) == 1:
            nats, best, slope = _whole(x, head, target, ctx.needs_input_grad[0])
        else:
            nats, best, slope = _tiled(x, head, tiles, target, ctx.needs_input_grad[0])
        if slope is not None:
            slope -= head[target].to(slope.dtype)
            ctx.save_for_backward(slope.to(x.dtype))
        correct = best == target
        ctx.mark_non_differentiable(correct)
        return nats, correct

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, nats: Tensor, _correct: Tensor) -> tuple[Tensor, None, None, None]:
        (slope,) = ctx.saved_tensors
        return slope * nats[:, None].to(slope.dtype), None, None, None


def tied_losses(
    x: Float[Tensor, "token d"], head: Float[Tensor, "type d"], target: Int[Tensor, " token"], chunk: int
) -> tuple[Float[Tensor, " token"], Bool[Tensor, " token"]]:
    """−log p in nats of each target under logits x·head, and whether it was the likeliest type.

    Logits are float32 at least and exist for `chunk` types at a time. The gradient is x's; the head has none.
    """
    return _Tied.apply(x, head, target, chunk)


def _logits(x: Tensor, tile: Tensor) -> Tensor:
    return (x @ tile.T).to(torch.promote_types(x.dtype, torch.float32))


def _summary(logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    top, place = logits.max(dim=-1)
    return top, place, logits.logsumexp(dim=-1)


def _whole(x: Tensor, head: Tensor, target: Tensor, wanted: bool) -> tuple[Tensor, Tensor, Tensor | None]:
    """Where all types fit into one piece: each logit is computed once."""
    logits = _logits(x, head)
    top, best = logits.max(dim=-1)
    own = logits.gather(1, target[:, None])[:, 0]
    share = logits.sub_(top[:, None]).exp_()
    total = share.sum(dim=-1)
    nats = total.log() + top - own
    slope = (share @ head.to(share.dtype)) / total[:, None] if wanted else None
    return nats, best, slope


def _tiled(
    x: Tensor, head: Tensor, tiles: tuple[Tensor, ...], target: Tensor, wanted: bool
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Where they do not: log-sums piece by piece, and the logits once more for the gradient."""
    tops, places, sums = zip(*[_summary(_logits(x, tile)) for tile in tiles], strict=True)
    total = torch.logsumexp(torch.stack(sums), dim=0)
    piece = torch.stack(tops).max(dim=0).indices[None]
    best = torch.stack(places).gather(0, piece)[0] + piece[0] * len(tiles[0])
    own = (x * head[target]).sum(dim=-1).to(total.dtype)
    if not wanted:
        return total - own, best, None
    slope = torch.zeros_like(x, dtype=total.dtype)
    for tile in tiles:
        slope += (_logits(x, tile) - total[:, None]).exp_() @ tile.to(total.dtype)
    return total - own, best, slope
