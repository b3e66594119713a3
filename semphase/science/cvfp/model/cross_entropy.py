"""Next-token losses under the tied head, a piece of the vocabulary at a time, with their slopes."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

Pieces = tuple[Tensor, ...]
Losses = tuple[Float[Tensor, " token"], Bool[Tensor, " token"]]


def tied_losses(
    x: Float[Tensor, "token d"], head: Float[Tensor, "type d"], target: Int[Tensor, " token"], chunk: int
) -> Losses:
    """−log p in nats of each target under logits x·head, and whether no type was likelier.

    Logits are float32 at least and exist for `chunk` types at a time.
    """
    nats, correct, _ = _over_pieces(x, head.split(chunk), target)
    return nats, correct


def tied_losses_with_slopes(
    x: Float[Tensor, "token d"], head: Float[Tensor, "type d"], target: Int[Tensor, " token"], chunk: int
) -> tuple[Float[Tensor, " token"], Bool[Tensor, " token"], Float[Tensor, "token d"]]:
    """The same with d nats / d x = Σ p·head − head of the target, which is all that is kept of the logits."""
    pieces = head.split(chunk)
    nats, correct, shares = _over_pieces(x, pieces, target)
    pull = shares @ head.to(shares.dtype) if len(pieces) == 1 else _pull(x, pieces, shares)
    return nats, correct, (pull - head[target]).to(x.dtype)


def _logits(x: Tensor, piece: Tensor) -> Tensor:
    return (x @ piece.T).to(torch.promote_types(x.dtype, torch.float32))


def _over_pieces(x: Tensor, pieces: Pieces, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Losses, hits, and what slopes are made of: the shares p for a single piece, else the log of their divisor."""
    return _whole(x, pieces[0], target) if len(pieces) == 1 else _piecewise(x, pieces, target)


def _whole(x: Tensor, head: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Where all types fit into one piece, each logit is computed once."""
    logits = _logits(x, head)
    top, hit = logits.amax(dim=-1), logits.gather(1, target[:, None])[:, 0]
    shares = torch.softmax(logits, dim=-1)
    # The likeliest type's share is 1 / Σ exp(logit − top), which saves another pass over the exponentials.
    nats = top - hit - shares.amax(dim=-1).log()
    return nats, hit >= top, shares


def _piecewise(x: Tensor, pieces: Pieces, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Where they do not, log-sums are made piece by piece."""
    hit, tops, sums = x.new_zeros(len(x), dtype=torch.promote_types(x.dtype, torch.float32)), [], []
    for number, piece in enumerate(pieces):
        logits, own = _logits(x, piece), target - number * len(pieces[0])
        there = logits.gather(1, own.clamp(0, len(piece) - 1)[:, None])[:, 0]
        hit = torch.where((own >= 0) & (own < len(piece)), there, hit)
        tops.append(logits.amax(dim=-1))
        sums.append(logits.logsumexp(dim=-1))
    total = torch.stack(sums).logsumexp(dim=0)
    return total - hit, hit >= torch.stack(tops).amax(dim=0), total


def _pull(x: Tensor, pieces: Pieces, total: Tensor) -> Tensor:
    """Σ p·head, the logits computed once more."""
    pull = torch.zeros_like(x, dtype=total.dtype)
    for piece in pieces:
        pull += (_logits(x, piece) - total[:, None]).exp_() @ piece.to(total.dtype)
    return pull
