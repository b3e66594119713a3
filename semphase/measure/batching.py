"""Prompts of similar length side by side, filled up on the right, where a causal model does not see it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from semphase.errors import SemphaseError
from semphase.measure.items import Items
from semphase.measure.positions import ALL, Positions, in_prompt
from semphase.measure.sweeps import pass_tokens
from semphase.models import Model


@dataclass(frozen=True, slots=True)
class Row:
    """A prompt; or its tokens up to the position that is read, and some more: an answer but for its last token."""

    item: int
    extra: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Batch:
    """Some rows of some prompts."""

    items: Items
    rows: tuple[Row, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, some: slice) -> Self:
        """Some of the rows."""
        return replace(self, rows=self.rows[some])

    @cached_property
    def prompt_lengths(self) -> tuple[int, ...]:
        """How many tokens of each row are the prompt's."""
        items = self.items
        return tuple(items.at[row.item] + 1 if row.extra else items.lengths[row.item] for row in self.rows)

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """How many tokens each row has."""
        return tuple(own + len(row.extra) for own, row in zip(self.prompt_lengths, self.rows, strict=True))

    @property
    def width(self) -> int:
        """The number of tokens of the longest row."""
        return max(self.lengths)

    @cached_property
    def ids(self) -> Int[Tensor, "row position"]:
        """Token ids; 0 beyond a row's end."""
        ids = torch.zeros(len(self.rows), self.width, dtype=torch.long)
        for k, (row, kept) in enumerate(zip(self.rows, self.prompt_lengths, strict=True)):
            ids[k, : self.lengths[k]] = torch.tensor([*self.items.tokens[row.item][:kept], *row.extra])
        return ids

    @property
    def at(self) -> list[int]:
        """The position of each row that is read."""
        return [self.items.at[row.item] for row in self.rows]

    def chosen(self, positions: Positions, what: str) -> Bool[np.ndarray, "row position"]:
        """The positions that are meant: ALL takes in an answer behind the prompt, the others do not."""
        found = np.zeros((len(self.rows), self.width), dtype=bool)
        for k, row in enumerate(self.rows):
            if positions is ALL:
                found[k, : self.lengths[k]] = True
            else:
                of_prompt = in_prompt(positions, row.item, self.items.lengths[row.item], self.items.at[row.item], what)
                found[k, : self.prompt_lengths[k]] = of_prompt[: self.prompt_lengths[k]]
        return found

    @cached_property
    def in_prompts(self) -> Bool[np.ndarray, "row position"]:
        """The positions that are the prompts'."""
        return np.arange(self.width) < np.array(self.prompt_lengths)[:, None]

    @cached_property
    def by_length(self) -> list[tuple[int, list[int]]]:
        """The rows of each length."""
        return [(own, [k for k, n in enumerate(self.lengths) if n == own]) for own in sorted(set(self.lengths))]


def prompts_as_rows(items: Items) -> tuple[Row, ...]:
    """Every prompt as it is."""
    return tuple(Row(item) for item in range(len(items)))


def batches(model: Model, items: Items, rows: Sequence[Row], tokens: int | None = None) -> Iterator[Batch]:
    """Rows of similar length, at most `tokens` of them filled up (a pass by default), or one row.

    Raises SemphaseError for a row that is longer than the model reads.
    """
    limit = pass_tokens(model) if tokens is None else tokens
    lengths = Batch(items, tuple(rows)).lengths
    longest = max(lengths)
    if longest > model.context:
        item = rows[lengths.index(longest)].item
        raise SemphaseError(f"prompt {item} has {longest} tokens and {model.name} reads {model.context}; shorten it.")
    batch: list[Row] = []
    for k in sorted(range(len(rows)), key=lambda k: lengths[k]):
        if batch and (len(batch) + 1) * lengths[k] > limit:
            yield Batch(items, tuple(batch))
            batch = []
        batch.append(rows[k])
    if batch:
        yield Batch(items, tuple(batch))
