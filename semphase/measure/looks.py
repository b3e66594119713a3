"""What is read of the stream that leaves the last block, row by row, and gathered prompt by prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
import xarray as xr
from jaxtyping import Bool, Float
from torch import Tensor

from semphase.errors import SemphaseError
from semphase.measure.batching import Batch, Row, prompts_as_rows
from semphase.measure.blocks import Stream
from semphase.measure.items import Items
from semphase.measure.passes import all_logits, losses_of
from semphase.measure.scores import Score
from semphase.models import Model

TOGETHER = 128
"""Prompts whose logits are held together."""


class Reader(Protocol):
    """A way to read what leaves the last block."""

    def rows(self, items: Items) -> tuple[Row, ...]:
        """The rows that have to be run."""

    def read(self, model: Model, batch: Batch, stream: Stream) -> Float[Tensor, "row ..."]:
        """What is read in each row."""

    def finite(self, batch: Batch, values: Float[Tensor, "row ..."]) -> Bool[Tensor, " row"]:
        """Whether the numbers of each row are finite."""

    def gathered(self, items: Items, parts: Sequence[tuple[Batch, Float[np.ndarray, ...]]]) -> xr.DataArray:
        """What was read in all batches, in the prompts' order."""


@dataclass(frozen=True)
class Logits:
    """Logits at each prompt's position."""

    def rows(self, items: Items) -> tuple[Row, ...]:
        """The prompts."""
        return prompts_as_rows(items)

    def read(self, model: Model, batch: Batch, stream: Stream) -> Float[Tensor, "row vocabulary"]:
        """[row, vocabulary]."""
        return all_logits(model, stream[torch.arange(len(stream)), batch.at])

    def finite(self, batch: Batch, values: Float[Tensor, "row ..."]) -> Bool[Tensor, " row"]:  # noqa: ARG002
        """Whether all logits of a row are finite."""
        return values.isfinite().all(dim=1)

    def gathered(self, items: Items, parts: Sequence[tuple[Batch, Float[np.ndarray, ...]]]) -> xr.DataArray:
        """[prompt, vocabulary]."""
        return xr.DataArray(_in_order(items, parts), dims=("prompt", "vocabulary"), attrs={"unit": "logits"})


@dataclass(frozen=True)
class Losses:
    """−log p of each token given those before it."""

    def rows(self, items: Items) -> tuple[Row, ...]:
        """The prompts."""
        return prompts_as_rows(items)

    def read(self, model: Model, batch: Batch, stream: Stream) -> Float[Tensor, "row predicted"]:
        """[row, predicted], nan behind a row's end."""
        return losses_of(model, stream, batch.ids.to(stream.device), batch.lengths)

    def finite(self, batch: Batch, values: Float[Tensor, "row ..."]) -> Bool[Tensor, " row"]:
        """Whether the losses of all tokens of a row are finite."""
        return values.isfinite().sum(dim=1).cpu() == torch.tensor(batch.lengths) - 1

    def gathered(self, items: Items, parts: Sequence[tuple[Batch, Float[np.ndarray, ...]]]) -> xr.DataArray:
        """[prompt, position]; the coordinate is the predicted token's position, from 1."""
        positions = np.arange(1, max(items.lengths))
        return xr.DataArray(
            _in_order(items, parts),
            dims=("prompt", "position"),
            coords={"position": positions, "length": ("prompt", list(items.lengths))},
            attrs={"unit": "nats"},
        )


@dataclass(frozen=True)
class Scored:
    """A score of each prompt."""

    score: Score

    def rows(self, items: Items) -> tuple[Row, ...]:
        """The prompts, each with the beginnings of its answers behind it."""
        self.score.require(items)
        asked = [Row(item, answers[item][:-1]) for item in range(len(items)) for _, answers in self.score.terms]
        return tuple(dict.fromkeys(asked))

    def read(self, model: Model, batch: Batch, stream: Stream) -> Float[Tensor, " row"]:
        """The answers that are read in each row, weighted by their coefficients."""
        rows = range(len(batch.rows))
        return torch.cat([self._of_rows(model, batch, stream, rows[k : k + TOGETHER]) for k in rows[::TOGETHER]])

    def finite(self, batch: Batch, values: Float[Tensor, "row ..."]) -> Bool[Tensor, " row"]:  # noqa: ARG002
        """Whether a row's number is finite."""
        return values.isfinite()

    def gathered(self, items: Items, parts: Sequence[tuple[Batch, Float[np.ndarray, ...]]]) -> xr.DataArray:
        """[prompt]."""
        total = np.zeros(len(items))
        for batch, values in parts:
            np.add.at(total, [row.item for row in batch.rows], values)
        return xr.DataArray(total, dims=("prompt",), attrs={"unit": "nats"})

    def _of_rows(self, model: Model, batch: Batch, stream: Stream, rows: Sequence[int]) -> Float[Tensor, " some"]:
        # Every answer of a row is as long: the row's beginning of it and one token more.
        steps = {k: range(len(batch.rows[k].extra) + 1) for k in rows}
        places = [(k, batch.at[k] + step) for k in rows for step in steps[k]]
        read = stream[[k for k, _ in places], [position for _, position in places]]
        logs = all_logits(model, read).log_softmax(dim=-1).split([len(own) for own in steps.values()])
        return torch.stack([self._of_row(batch.rows[k], own) for k, own in zip(rows, logs, strict=True)])

    def _of_row(self, row: Row, logs: Float[Tensor, "step vocabulary"]) -> Float[Tensor, ""]:
        asked, steps = self.score.asked(row.item, row.extra), list(range(len(logs)))
        return torch.stack([weight * logs[steps, list(answer)].sum() for weight, answer in asked]).sum()


def require_finite_rows(reader: Reader, model: Model, batch: Batch, values: Float[Tensor, "row ..."]) -> None:
    """SemphaseError, naming the prompt, for numbers that are not finite."""
    broken = (~reader.finite(batch, values)).nonzero().flatten().tolist()
    if broken:
        raise SemphaseError(
            f"the output of {model.name} is not finite in prompt {batch.rows[broken[0]].item}; check the weights, the "
            "edits, or choose a wider --dtype."
        )


def _in_order(items: Items, parts: Sequence[tuple[Batch, Float[np.ndarray, ...]]]) -> np.ndarray:
    """Rows of several batches in the prompts' order, filled up with nan."""
    width = max(values.shape[1] for _, values in parts)
    whole = np.full((len(items), width), np.nan, parts[0][1].dtype)
    for batch, values in parts:
        whole[[row.item for row in batch.rows], : values.shape[1]] = values
    return whole
