"""Next-token losses without ever holding the whole logits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from semphase.models import Model
from semphase.models.device import free_memory

POSITIONS, ROWS = 2048, 4096
"""Positions whose logits are computed together, and rows of the unembedding in one product: a tile of 32 MiB, which a
processor's cache still holds."""
WIDE_POSITIONS, WIDE_ROWS = 8192, 16384
"""The same on other devices: half a GiB, so that starting a product costs nothing beside it; fewer positions where that
is too large a part of the memory that is free."""
FEWEST, PART = 256, 16
"""Positions of the least tile, and of the free memory the part that one may take."""
_ITEM = 4
"""Bytes of a logit."""
LEAST = 2.0**-80
"""Sums of exponentials below this consist of numbers so small that float32 has few digits left for them."""


@dataclass(frozen=True, slots=True, eq=False)
class Unembedding:
    """logits = cap · tanh(scale · (W x + b) / cap); bias and cap where the family has them."""

    weight: Float[Tensor, "vocabulary d"]
    bias: Float[Tensor, " vocabulary"] | None
    scale: float
    cap: float | None

    @property
    def tiles(self) -> list[slice]:
        """The vocabulary, a few thousand tokens at a time."""
        rows = ROWS if self.weight.device.type == "cpu" else WIDE_ROWS
        return [slice(start, start + rows) for start in range(0, len(self.weight), rows)]

    def only(self, tokens: Bool[Tensor, " vocabulary"] | Int[Tensor, " some"]) -> Unembedding:
        """The same for some tokens, by a mask or by their ids."""
        return replace(self, weight=self.weight[tokens], bias=None if self.bias is None else self.bias[tokens])

    def logits(self, x: Float[Tensor, "position d"], tile: slice) -> Float[Tensor, "position row"]:
        """The logits of the tokens of one tile."""
        bias = None if self.bias is None else self.bias[tile]
        return self.finished(functional.linear(x, self.weight[tile], bias))

    def all(self, x: Float[Tensor, "*any d"]) -> Float[Tensor, "*any vocabulary"]:
        """The logits of all tokens."""
        return self.finished(functional.linear(x, self.weight, self.bias))

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


def tile_sizes(device: torch.device) -> tuple[int, int]:
    """How many positions and how many rows of the unembedding one product takes on a device.

    Rows are summed over, and always as many: what else fills the device changes no loss.
    """
    if device.type == "cpu":
        return POSITIONS, ROWS
    free, positions = free_memory(device), WIDE_POSITIONS
    while free is not None and positions > FEWEST and PART * positions * WIDE_ROWS * _ITEM > free:
        positions //= 2
    return positions, WIDE_ROWS


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
    normaliser = _shifted(readout, normed) if normed.requires_grad else _direct(readout, normed)
    return (normaliser - readout.of(normed, ids[:, 1:].flatten())).view(len(ids), -1)


def _direct(readout: Unembedding, x: Float[Tensor, "position d"]) -> Float[Tensor, " position"]:
    """Sums exponentials as they are, which saves a pass over the logits; shifts them where one is out of range.

    One answer of the device is waited for, after all has been given to it.
    """
    total = torch.cat([_summed(readout, part) for part in x.split(tile_sizes(x.device)[0])])
    inside = bool(((total > LEAST) & (total < torch.inf)).all())
    return total.log() if inside else _shifted(readout, x)


def _summed(readout: Unembedding, x: Float[Tensor, "position d"]) -> Float[Tensor, " position"]:
    total = torch.zeros(len(x), device=x.device)
    for tile in readout.tiles:
        total = total + readout.logits(x, tile).exp_().sum(dim=-1)
    return total


def _shifted(readout: Unembedding, x: Float[Tensor, "position d"]) -> Float[Tensor, " position"]:
    """The same with each tile's logsumexp shifted by its largest logit."""
    return torch.cat([log_normaliser(readout, part) for part in x.split(tile_sizes(x.device)[0])])


def log_normaliser(readout: Unembedding, x: Float[Tensor, "position d"]) -> Float[Tensor, " position"]:
    """The log of the summed exponentials of all logits, tile by tile."""
    # A backward pass computes one tile's logits after the other anew; else it would hold them all.
    again: dict[str, Any] = {"use_reentrant": False, "preserve_rng_state": False}
    tiles = [checkpoint(_logsumexp, readout, x, tile, **again) for tile in readout.tiles]
    return torch.logsumexp(torch.stack(tiles), dim=0)


def _logsumexp(readout: Unembedding, x: Tensor, tile: slice) -> Float[Tensor, " position"]:
    return torch.logsumexp(readout.logits(x, tile), dim=-1)
