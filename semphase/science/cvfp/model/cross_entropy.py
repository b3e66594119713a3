"""Next-token losses under the tied head, a piece of the vocabulary at a time, with their gradient."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

Pieces = tuple[Tensor, ...]
Found = tuple[Tensor, Tensor, Tensor | None]


class _Tied(torch.autograd.Function):
    """The head is frozen, so d nats / d x is computed with the loss and kept, [token, d], instead of the logits."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, head: Tensor, target: Tensor, chunk: int) -> tuple[Tensor, Tensor]:
        pieces = head.split(chunk)
        of_pieces = _whole if len(pieces) == 1 else _piecewise
        nats, correct, pull = of_pieces(x, pieces, target, ctx.needs_input_grad[0])
        if pull is not None:
            ctx.save_for_backward((pull - head[target]).to(x.dtype))
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
    """−log p in nats of each target under logits x·head, and whether no type was likelier.

    Logits are float32 at least and exist for `chunk` types at a time. The gradient is x's; the head has none.
    """
    return _Tied.apply(x, head, target, chunk)


def _logits(x: Tensor, piece: Tensor) -> Tensor:
    return (x @ piece.T).to(torch.promote_types(x.dtype, torch.float32))


def _whole(x: Tensor, pieces: Pieces, target: Tensor, wanted: bool) -> Found:
    """Where all types fit into one piece, each logit is computed once; the last result is Σ p·head, if wanted."""
    (head,) = pieces
    logits = _logits(x, head)
    top, hit = logits.amax(dim=-1), logits.gather(1, target[:, None])[:, 0]
    shares = torch.softmax(logits, dim=-1)
    # The likeliest type's share is 1 / Σ exp(logit − top), which saves another pass over the exponentials.
    nats = top - hit - shares.amax(dim=-1).log()
    return nats, hit >= top, shares @ head.to(shares.dtype) if wanted else None


def _piecewise(x: Tensor, pieces: Pieces, target: Tensor, wanted: bool) -> Found:
    """Where they do not, log-sums are made piece by piece, and the logits once more for Σ p·head."""
    hit, tops, sums = x.new_zeros(len(x), dtype=torch.promote_types(x.dtype, torch.float32)), [], []
    for number, piece in enumerate(pieces):
        logits, own = _logits(x, piece), target - number * len(pieces[0])
        there = logits.gather(1, own.clamp(0, len(piece) - 1)[:, None])[:, 0]
        hit = torch.where((own >= 0) & (own < len(piece)), there, hit)
        tops.append(logits.amax(dim=-1))
        sums.append(logits.logsumexp(dim=-1))
    total = torch.stack(sums).logsumexp(dim=0)
    nats, correct = total - hit, hit >= torch.stack(tops).amax(dim=0)
    return nats, correct, _pull(x, pieces, total) if wanted else None


def _pull(x: Tensor, pieces: Pieces, total: Tensor) -> Tensor:
    pull = torch.zeros_like(x, dtype=total.dtype)
    for piece in pieces:
        pull += (_logits(x, piece) - total[:, None]).exp_() @ piece.to(total.dtype)
    return pull
