"""What the input tokens add to a layer's product, computed for every type once and looked up for every token.

W e for the concatenated embeddings e of a window is a sum over the window's places of W_place · row(type), and a text has
fewer types than tokens. The weights stay through a whole iteration of phase 1, so that one table serves all its batches.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from semphase.science.cvfp.model.embedding import TokenStream

Weights = Float[Tensor, "member out input"]


@dataclass(frozen=True, slots=True, eq=False)
class FedTokens:
    """The types of a stream for some members: `rows` of each, and for every member, token and place its row in a table."""

    rows: Float[Tensor, "type d"]
    index: Int[Tensor, "member token place"]

    def table(self, weights: Weights) -> Float[Tensor, "row out"]:
        """W_place · row for each member, place and type, one below the other."""
        members, out, _ = weights.shape
        by_place = weights.reshape(members, out, -1, self.rows.shape[1]).transpose(1, 2)
        return torch.matmul(self.rows, by_place.mT).flatten(0, 2)

    def looked_up(self, table: Float[Tensor, "row out"], part: slice) -> Float[Tensor, "member token out"]:
        """W e of a part's tokens, from the table."""
        index = self.index[:, part]
        return functional.embedding_bag(index.flatten(0, 1), table, mode="sum").unflatten(0, index.shape[:2])

    def collect(
        self, gathered: Float[Tensor, "row out"], mixed: Float[Tensor, "member token out"], part: slice
    ) -> None:
        """Add a product's slopes to those of the table's rows."""
        index, slopes = self.index[:, part].flatten(0, 1), mixed.flatten(0, 1)
        for place in index.unbind(1):
            gathered.index_add_(0, place, slopes)

    def slope(self, gathered: Float[Tensor, "row out"], members: int) -> Weights:
        """The gradient of W from the slopes of the table's rows."""
        by_place = gathered.view(members, -1, len(self.rows), gathered.shape[1])
        return torch.matmul(by_place.mT, self.rows).transpose(1, 2).flatten(2)


def fed_tokens(stream: TokenStream, members: int) -> FedTokens:
    """The types of a stream, for so many members."""
    types, index = stream.windows.unique(return_inverse=True)
    places = stream.windows.shape[1]
    table = torch.arange(members * places, device=index.device).view(members, 1, places)
    return FedTokens(stream.table[types], index + len(types) * table)
