"""Many lists of edits on the same prompts or text, replayed side by side, stored label by label and resumed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np
import xarray as xr

from semphase.errors import SemphaseError
from semphase.measure import on_prompts
from semphase.measure.batching import Batch
from semphase.measure.compiling import Compiler
from semphase.measure.edit_base import Edit, told
from semphase.measure.items import Items
from semphase.measure.looks import Reader
from semphase.measure.measurement import measurement
from semphase.measure.sites import Site
from semphase.measure.sweeping import groups, sweep_site, swept_group
from semphase.models import Model
from semphase.study.measuring import as_dataset, as_returned, measurement_key
from semphase.study.owner import Owner

Label = Hashable
Edits = dict[Label, tuple[Edit, ...]]
Part = tuple[int, Label]
"""A group of prompts by its number, and a label."""
MOVES = "moves"
TOGETHER = 16
"""Labels whose values at a site are held in memory before they are stored."""


@measurement(version=1)
def swept(model: Model, data: tuple[Items, Batch], *, edits: tuple[Edit, ...], reader: Reader) -> xr.Dataset:
    """What a reader finds in each row of a group under one label's edits, and whether anything moved."""
    items, group = data
    ((_, values, moves),) = swept_group(model, group, {"": edits}, reader, compiler=Compiler(model, items))
    return _kept(values, moves=moves)


def _kept(values: np.ndarray, *, moves: bool) -> xr.Dataset:
    dims = ("row", *(f"axis_{axis}" for axis in range(1, values.ndim)))
    return xr.Dataset({"values": (dims, values), "moves": np.array(moves)})


@dataclass(frozen=True, eq=False)
class Sweep:
    """What is read of the stream that leaves the last block under each label's edits, group of prompts by group."""

    study: Owner
    items: Items
    reader: Reader
    edits: Edits
    must_move: bool = True

    def result(self) -> xr.DataArray:
        """What is read, [label, prompt, …]; SemphaseError where no label moves anything.

        Whole sweeps are stored beside their parts, since one file is read faster than thousands.
        """
        told = [(str(label), own) for label, own in self.edits.items()]
        key = measurement_key(self.study, swept, self.items, {"edits": told, "reader": self.reader})
        found: xr.DataArray = as_returned(self.study.store.get(key, lambda: as_dataset(self._measured(), swept.name)))
        if self.must_move and not found.attrs.pop(MOVES):
            raise SemphaseError(nothing_moves(self.edits))
        return found

    def _measured(self) -> xr.DataArray:
        parts: dict[Label, list[tuple[Batch, np.ndarray]]] = {label: [] for label in self.edits}
        made = groups(self.study.tokenizing_model, self.items, self.reader.rows(self.items), self.study.memory)
        with self.study.progress(self._title, len(made) * len(self.edits)) as advance:
            found = self._parts(made, advance)
        for (at, label), dataset in found.items():
            parts[label].append((made[at], dataset["values"].values))
        whole = over_labels({label: self.reader.gathered(self.items, own) for label, own in parts.items()})
        return whole.assign_attrs({MOVES: int(any(bool(own["moves"]) for own in found.values()))})

    def _parts(self, made: Sequence[Batch], advance: Callable[[int], None]) -> dict[Part, xr.Dataset]:
        """Every label on every group, group after group, from the store as far as it is there."""
        keys = {
            (at, label): measurement_key(
                self.study, swept, (self.items, group.rows), {"edits": own, "reader": self.reader}
            )
            for at, group in enumerate(made)
            for label, own in self.edits.items()
        }

        def measure(missing: list[Part]) -> Iterator[tuple[Part, xr.Dataset]]:
            advance(len(keys) - len(missing))
            for at, parts in groupby(missing, key=itemgetter(0)):
                for part, dataset in self._group(at, made[at], [label for _, label in parts]):
                    yield part, dataset
                    advance(1)

        return self.study.store.several(keys, measure)

    def _group(self, at: int, group: Batch, labels: list[Label]) -> Iterator[tuple[Part, xr.Dataset]]:
        edits = {label: self.edits[label] for label in labels}
        for label, values, moves in swept_group(
            self.study.model, group, edits, self.reader, memory=self.study.memory, compiler=self._compiler
        ):
            yield (at, label), _kept(values, moves=moves)

    @cached_property
    def _compiler(self) -> Compiler:
        return Compiler(self.study.model, self.items)

    @property
    def _title(self) -> str:
        count = len(self.edits)
        return f"sweep of {count} edits" if count > 1 else f"{told(next(iter(self.edits.values())))}"


def site_under(study: Owner, items: Items, edits: Edits, site: Site) -> dict[Label, xr.DataArray]:
    """Values at a site under each label's edits, a few labels at a time; the same entries as those of single runs."""
    keys = {
        label: measurement_key(study, on_prompts.values_at, items, {"site": site, "edits": own})
        for label, own in edits.items()
    }

    def measure(missing: list[Label]) -> Iterator[tuple[Label, xr.Dataset]]:
        with study.progress(f"{site} under {len(edits)} edits", len(missing)) as advance:
            for first in range(0, len(missing), TOGETHER):
                some = {label: edits[label] for label in missing[first : first + TOGETHER]}
                for label, values in sweep_site(study.model, items, some, site, memory=study.memory).items():
                    yield label, as_dataset(values, on_prompts.values_at.name)
                    advance(1)

    return {label: as_returned(dataset) for label, dataset in study.store.several(keys, measure).items()}


def nothing_moves(edits: Edits) -> str:
    """The sentence for edits that have no effect."""
    first, others = told(next(iter(edits.values()))), len(edits) - 1
    more = f", and so do the {others} other labels of the sweep" if others else ""
    return (
        f"{first} moves nothing{more}; check layers, heads and positions, or say that it need not with must_move=False."
    )


def require_any_moves(study: Owner, items: Items, edits: Edits) -> None:
    """SemphaseError where no label moves anything; stops at the first that does."""
    if not any(_moves(study, items, own) for own in edits.values()):
        raise SemphaseError(nothing_moves(edits))


def require_each_moves(study: Owner, items: Items, edits: tuple[Edit, ...]) -> None:
    """SemphaseError naming an edit that alone moves nothing, or all of them where they undo each other."""
    for own in [*((edit,) for edit in edits), *([edits] if len(edits) > 1 else [])]:
        if not _moves(study, items, own):
            raise SemphaseError(nothing_moves({"": own}))


def _moves(study: Owner, items: Items, edits: tuple[Edit, ...]) -> bool:
    return bool(study.measured(on_prompts.anything_moves, items, edits=edits))


def as_edits(given: Edit | Iterable[Edit]) -> tuple[Edit, ...]:
    """One edit or several; SemphaseError for what is none."""
    if not isinstance(given, Edit | Iterable):
        raise SemphaseError(f"{given!r} is no edit; make one such as zeroed(head(1, 2)), or give () for none.")
    found = (given,) if isinstance(given, Edit) else tuple(given)
    for edit in found:
        if not isinstance(edit, Edit):
            raise SemphaseError(f"{edit!r} is no edit; make one such as zeroed(head(1, 2)).")
    return found


def as_labels(given: Mapping[Label, Edit | Iterable[Edit]]) -> Edits:
    """Labels with their edits as tuples; SemphaseError for none, and for a label without an edit."""
    if not isinstance(given, Mapping) or not given:
        raise SemphaseError("a sweep needs a dictionary of at least one label with its edits.")
    found = {label: as_edits(own) for label, own in given.items()}
    for label, own in found.items():
        if not own:
            raise SemphaseError(f"the label {label!r} of the sweep has no edits; read what is unchanged by itself.")
    return found


def over_labels(found: Mapping[Label, xr.DataArray]) -> xr.DataArray:
    """One array with the axis `label` in front, which a file can hold.

    Labels are themselves where they are all texts or all integers, else their texts; tuples of equal length come also
    part by part, in the coordinates `label_0`, `label_1`, …: `set_index(label=["label_0", "label_1"]).unstack("label")`
    makes a grid of them.
    """
    first, labels = next(iter(found.values())), list(found)
    values = np.stack([array.values for array in found.values()])
    made = xr.DataArray(values, dims=("label", *first.dims), coords=first.coords, attrs=first.attrs)
    return made.assign_coords({name: ("label", own) for name, own in _label_coordinates(labels).items()})


def _label_coordinates(labels: list[Label]) -> dict[str, list[Any]]:
    if _of_one_kind(labels):
        return {"label": labels}
    found: dict[str, list[Any]] = {"label": [str(label) for label in labels]}
    tuples = [label for label in labels if isinstance(label, tuple)]
    if len(tuples) == len(labels) and len({len(label) for label in tuples}) == 1:
        for place, part in enumerate(zip(*tuples, strict=True)):
            found[f"label_{place}"] = list(part) if _of_one_kind(part) else [str(own) for own in part]
    return found


def _of_one_kind(values: Iterable[Any]) -> bool:
    kinds = {type(value) for value in values}
    return kinds in ({str}, {int})
