"""Losses near a text's own ones: the likely tokens exactly, all others together and to first order.

For screening. A changed head moves the stream a little; the few thousand tokens that hold nearly all probability are
read out anew, and the logarithm of the sum of all other exponentials follows its gradient. Its error is of second
order in the change, times the share of the others.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from semphase.measure.losses import POSITIONS, Unembedding, log_normaliser, unembedding
from semphase.models import Model

SHARE = 0.98
"""Of the probability on a text, what the likely tokens hold."""


@dataclass(frozen=True, slots=True, eq=False)
class Shortlist:
    """The readout around the streams `at`: the `likely` tokens, and what the others add, log-sum and gradient.

    It is short enough to stay in the model's own precision where the blocks before it do not: rounded logits would be
    most of the error.
    """

    model: Model
    likely: Unembedding
    at: Float[Tensor, "chunk predicted d"]
    rest: Float[Tensor, "chunk predicted"]
    slope: Float[Tensor, "chunk predicted d"]

    def losses(
        self, stream: Float[Tensor, "copied_chunk position d"], ids: Int[Tensor, "copied_chunk position"]
    ) -> Float[Tensor, "copied_chunk predicted"]:
        """As `token_losses` gives them, of any number of copies of the chunks, one copy after the other."""
        with torch.autocast(stream.device.type, enabled=False):
            x = self.model.anatomy.final_norm(stream[:, :-1])
            copies = x.unflatten(0, (-1, len(self.at)))
            rest = self.rest + ((copies - self.at) * self.slope).sum(dim=-1)
            flat = x.flatten(0, 1)
            total = torch.logaddexp(log_normaliser(self.likely, flat), rest.flatten())
            return (total - unembedding(self.model).of(flat, ids[:, 1:].flatten())).view(len(ids), -1)


def likely_tokens(model: Model, stream: Float[Tensor, "chunk position d"]) -> Bool[Tensor, " vocabulary"]:
    """The fewest tokens that hold `SHARE` of the probability on a text; `stream` is what leaves the last block."""
    with torch.no_grad(), torch.autocast(stream.device.type, enabled=False):
        readout, at = unembedding(model), model.anatomy.final_norm(stream[:, :-1]).flatten(0, 1)
        mass, order = torch.stack([_mass(readout, x) for x in at.split(POSITIONS)]).sum(dim=0).sort(descending=True)
        held = mass.cumsum(dim=0) - mass < SHARE * mass.sum()
        return torch.zeros_like(held).scatter_(0, order, held)


def shortlist(
    model: Model, stream: Float[Tensor, "chunk position d"], likely: Bool[Tensor, " vocabulary"]
) -> Shortlist:
    """The readout of some tokens, and of all others together, around `stream`, what leaves the last block."""
    with torch.no_grad(), torch.autocast(stream.device.type, enabled=False):
        readout, at = unembedding(model), model.anatomy.final_norm(stream[:, :-1])
        others = readout.only(~likely)
        parts = [_first_order(others, x) for x in at.flatten(0, 1).split(POSITIONS)]
        rest, slope = (torch.cat(found) for found in zip(*parts, strict=True))
    return Shortlist(model, readout.only(likely), at, rest.view(at.shape[:-1]), slope.view(at.shape))


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
