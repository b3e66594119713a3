"""Edits as they act on the positions that a generation adds behind its prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from semphase.measure.attention_edits import Step
from semphase.measure.batching import Batch
from semphase.measure.blocks import BlockChange, Work
from semphase.measure.compiling import Compiler, Putting
from semphase.measure.drafts import PLACES
from semphase.measure.edit_base import AtSite, Edit, Values
from semphase.measure.positions import ALL
from semphase.measure.where import Where


@dataclass(frozen=True, eq=False)
class Continued(Batch):
    """Whole prompts, with `extra` tokens behind their end instead of behind the position that is read."""

    @cached_property
    def prompt_lengths(self) -> tuple[int, ...]:
        """How many tokens of each row are the prompt's."""
        return tuple(self.items.lengths[row.item] for row in self.rows)


@dataclass(frozen=True, eq=False)
class WithRoom(Continued):
    """Prompts with room for some positions behind their end."""

    room: int = 0

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """How many positions each row has, its room included."""
        return tuple(length + self.room for length in self.prompt_lengths)


@dataclass(frozen=True, eq=False)
class Behind(Putting):
    """The blocks of a model as drafts, for one position behind each prompt.

    Of the sites only those at ALL positions are there; values of other runs are the prompts' own. What is hidden is
    kept for all positions, of which a step takes the row of its own.
    """

    def renew(self, edit: AtSite) -> None:
        """Values at the edit's site come from its `new`, if it reaches behind the prompts."""
        if edit.within_prompt or edit.site.positions is not ALL:
            return
        own = self.compiler
        for run in edit.runs:
            own.runs.fetch(run, edit.site)
        for layer, heads in edit.site.chosen(self.shape).items():
            where = Where(own.model, own.shape, own.runs, edit.site, layer, heads, self.batch)
            self.drafts[layer].add(edit, PLACES[edit.site.kind], Step(heads, _making(edit, where)))


def _making(edit: AtSite, where: Where) -> Work:
    def make(values: Values) -> Values:
        return edit.new(values, where).expand_as(values)

    return make


def behind(compiler: Compiler, edits: Sequence[Edit], batch: Continued, room: int) -> dict[int, BlockChange]:
    """What happens in each block at a position behind the prompts."""
    blocks = Behind(compiler, WithRoom(batch.items, batch.rows, room))
    for edit in edits:
        edit.put(blocks)
    return {layer: draft.made() for layer, draft in blocks.drafts.items()}
