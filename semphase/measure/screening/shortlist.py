"""Losses near a text's own ones: the likely tokens exactly, a weighted sample of all others, and their gradient.

For screening. A changed head moves the stream a little. The tokens that hold most of the probability are read out
anew. The sum R of all other exponentials follows its gradient, R exp(μ·δ), where δ is the change of the stream and μ
the mean of their unembedding rows under the model; what that leaves out is R exp(μ·δ) E(exp u − 1 − u) for the
departures u of single logits from μ·δ, and is estimated from a sample of the tokens drawn by their probability on the
text (importance sampling with a control variate). It is of second order in δ, unbiased where logits are linear in
the stream, and the same tokens serve all changes, so that heads are compared on equal terms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from semphase.measure.losses import Unembedding, log_normaliser, tile_sizes, unembedding
from semphase.models import Model

SHARE = 0.9
"""Of the probability on a text, what the likely tokens hold."""
SAMPLE = 1024
"""Draws among the others."""
_LARGEST = 60.0


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """A vocabulary in likely tokens and others; of the others some are `drawn`, and stand for `weight` tokens each."""

    likely: Bool[Tensor, " vocabulary"]
    drawn: Int[Tensor, " sample"]
    weight: Float[Tensor, " sample"]

    @property
    def read(self) -> int:
        """How many tokens are read out."""
        return int(self.likely.sum()) + len(self.drawn)


@dataclass(frozen=True, slots=True, eq=False)
class Shortlist:
    """The readout around the streams `at`, in the model's own precision.

    Of the tokens beside the `likely` ones, `rest` is the log of their summed exponentials, `slope` its gradient. The
    `drawn` ones had logits `before` and stand for a share `part` of that sum.
    """

    model: Model
    likely: Unembedding
    drawn: Unembedding
    at: Float[Tensor, "chunk predicted d"]
    rest: Float[Tensor, "chunk predicted"]
    slope: Float[Tensor, "chunk predicted d"]
    before: Float[Tensor, "chunk predicted sample"]
    part: Float[Tensor, "chunk predicted sample"]

    def losses(
        self, stream: Float[Tensor, "copied_chunk position d"], ids: Int[Tensor, "copied_chunk position"]
    ) -> Float[Tensor, "copied_chunk predicted"]:
        """As `token_losses` gives them, of any number of copies of the chunks, one copy after the other."""
        with torch.autocast(stream.device.type, enabled=False):
            x = self.model.anatomy.final_norm(stream[:, :-1])
            copies, positions = x.view(-1, self.rest.numel(), x.shape[-1]), tile_sizes(x.device)[0]
            beside = max(1, positions // self.rest.numel())
            parts = [own.split(positions, dim=1) for own in copies.split(beside)]
            total = torch.cat([torch.cat(self._totals(own), dim=1) for own in parts]).flatten()
            return (total - unembedding(self.model).of(x.flatten(0, 1), ids[:, 1:].flatten())).view(len(ids), -1)

    def _totals(self, parts: Sequence[Float[Tensor, "copy _ d"]]) -> list[Float[Tensor, "copy _"]]:
        """The log of all summed exponentials, for one part of the positions after the other."""
        own = (self.at, self.rest, self.slope, self.before, self.part)
        around = zip(*(each.flatten(0, 1).split([part.shape[1] for part in parts]) for each in own), strict=True)
        return [self._total(part, *each) for part, each in zip(parts, around, strict=True)]

    def _total(
        self, x: Float[Tensor, "copy some d"], at: Tensor, rest: Tensor, slope: Tensor, before: Tensor, part: Tensor
    ) -> Float[Tensor, "copy some"]:
        shift = ((x - at) * slope).sum(dim=-1)
        # Where a change breaks the model, an exponential that overflows would look like a broken measurement.
        apart = (self.drawn.all(x) - before - shift[..., None]).clamp_(max=_LARGEST)
        curved = (part * (apart.expm1() - apart)).sum(dim=-1)
        others = rest + shift + curved.log1p()
        return torch.logaddexp(log_normaliser(self.likely, x.flatten(0, 1)).view_as(others), others)


def split_vocabulary(model: Model, stream: Float[Tensor, "chunk position d"]) -> Split:
    """The fewest tokens that hold `SHARE` of the probability on a text, and draws among the others by theirs.

    `stream` is what leaves the last block.
    """
    with torch.no_grad(), torch.autocast(stream.device.type, enabled=False):
        readout, at = unembedding(model), model.anatomy.final_norm(stream[:, :-1]).flatten(0, 1)
        mass = torch.stack([_mass(readout, x) for x in at.split(tile_sizes(at.device)[0])]).sum(dim=0).double()
    ranked, order = mass.sort(descending=True)
    held = ranked.cumsum(dim=0) - ranked < SHARE * mass.sum()
    likely = torch.zeros_like(held).scatter_(0, order, held)
    others = mass.masked_fill(likely, 0).cpu()
    if not others.any():
        return Split(likely, order[:0], mass[:0])
    draws = torch.multinomial(others, SAMPLE, replacement=True, generator=torch.Generator().manual_seed(0))
    drawn, count = draws.unique(return_counts=True)
    weight = count / SAMPLE * others.sum() / others[drawn]
    return Split(likely, drawn.to(mass.device), weight.to(mass.device, at.dtype))


def shortlist(model: Model, stream: Float[Tensor, "chunk position d"], split: Split) -> Shortlist:
    """The readout of the likely tokens, and of all others together, around `stream`, what leaves the last block."""
    with torch.no_grad(), torch.autocast(stream.device.type, enabled=False):
        readout, at = unembedding(model), model.anatomy.final_norm(stream[:, :-1])
        others = readout.only(~split.likely)
        parts = [_first_order(others, x) for x in at.flatten(0, 1).split(tile_sizes(at.device)[0])]
        rest, slope = (torch.cat(found) for found in zip(*parts, strict=True))
        rest, drawn = rest.view(at.shape[:-1]), readout.only(split.drawn)
        before = drawn.all(at)
        part = split.weight * (before - rest[..., None]).exp()
    return Shortlist(model, readout.only(split.likely), drawn, at, rest, slope.view(at.shape), before, part)


def _mass(readout: Unembedding, x: Float[Tensor, "position d"]) -> Float[Tensor, " vocabulary"]:
    """The probability of each token, summed over positions."""
    total = log_normaliser(readout, x)[:, None]
    return torch.cat([(readout.logits(x, tile) - total).exp().sum(dim=0) for tile in readout.tiles])


def _first_order(readout: Unembedding, x: Float[Tensor, "position d"]) -> tuple[Tensor, Tensor]:
    """The log of a readout's summed exponentials, and its gradient."""
    with torch.enable_grad():
        variable = x.detach().requires_grad_()
        total = log_normaliser(readout, variable)
        (slope,) = torch.autograd.grad(total.sum(), variable)
    return total.detach(), slope
