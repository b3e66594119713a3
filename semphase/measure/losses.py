"""Next-token losses without ever holding the whole logits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from semphase.models import Model

POSITIONS = 2048
"""Positions whose logits are computed together."""
ROWS = 4096
"""Rows of the unembedding in one product: a tile of 32 MiB, which the processor's cache still holds."""


@dataclass(frozen=True, slots=True, eq=False)
class Unembedding:
    """logits = cap · tanh(scale · (W x + b) / cap); bias and cap where the family has them."""

    weight: Float[Tensor, "vocabulary d"]
    bias: Float[Tensor, " vocabulary"] | None
    scale: float
    cap: float | None

    def tiles(self, x: Float[Tensor, "position d"]) -> Iterator[Float[Tensor, "position row"]]:
        """The logits, a few thousand tokens of the vocabulary at a time."""
        for start in range(0, len(self.weight), ROWS):
            rows = slice(start, start + ROWS)
            bias = None if self.bias is None else self.bias[rows]
            yield self.finished(functional.linear(x, self.weight[rows], bias))

    def of(self, x: Float[Tensor, "position d"], token: Int[Tensor, " position"]) -> Float[Tensor, " position"]:
        """The logit of one token at each position."""
        raw = (x * self.weight[token]).sum(dim=-1)
        return self.finished(raw if self.bias is None else raw + self.bias[token])

    def finished(self, raw: Tensor) -> Tensor:
        """Logits in float32 at least, scaled and capped."""
        logits = raw.to(torch.promote_types(raw.dtype, torch.float32))
        if self.scale != 1:
            logits = logits * self.scale
        return logits if self.cap is None else self.cap * torch.tanh(logits / self.cap)


def unembedding(model: Model) -> Unembedding:
    """The unembedding of a model, with what its configuration does to the logits."""
    head, config = model.anatomy.unembed, model.module.config.get_text_config()
    scale = getattr(config, "logit_scale", None) or 1 / (getattr(config, "logits_scaling", None) or 1)
    weight, bias = head.weight, getattr(head, "bias", None)
    assert isinstance(weight, Tensor)
    return Unembedding(weight, bias, float(scale), getattr(config, "final_logit_softcapping", None))


def token_losses(
    model: Model, stream: Float[Tensor, "chunk position d"], ids: Int[Tensor, "chunk position"]
) -> Float[Tensor, "chunk predicted"]:
    """−log p in nats of each token given those before it; `stream` is what leaves the last block.

    The first token of a chunk has nothing before it and is not predicted. The unembedding is read in tiles and
    the exponentials are summed as they come, so memory grows with neither vocabulary nor tokens.
    """
    readout = unembedding(model)
    normed = model.anatomy.final_norm(stream[:, :-1]).flatten(0, 1)
    parts = zip(normed.split(POSITIONS), ids[:, 1:].flatten().split(POSITIONS), strict=True)
    if normed.requires_grad:
        losses = [checkpoint(_shifted, readout, x, token, use_reentrant=False) for x, token in parts]
    else:
        losses = [_direct(readout, x, token) for x, token in parts]
    return torch.cat(losses).view(len(ids), -1)


def _direct(readout: Unembedding, x: Tensor, token: Tensor) -> Float[Tensor, " position"]:
    """Sums exponentials as they are, which saves a pass over the logits; shifts them only where that overflows."""
    total = torch.zeros(len(x), device=x.device)
    for logits in readout.tiles(x):
        total = total + logits.exp_().sum(dim=-1)
    losses = total.log() - readout.of(x, token)
    return losses if bool(losses.isfinite().all()) else _shifted(readout, x, token)


def _shifted(readout: Unembedding, x: Tensor, token: Tensor) -> Float[Tensor, " position"]:
    """The same with each tile's logsumexp shifted by its largest logit."""
    tiles = [torch.logsumexp(logits, dim=-1) for logits in readout.tiles(x)]
    return torch.logsumexp(torch.stack(tiles), dim=0) - readout.of(x, token)
