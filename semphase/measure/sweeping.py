"""Many lists of edits on the same prompts or chunks of text, each replayed from the first block that it touches.

A group of prompts is run once without edits, and its streams are kept; every label of the sweep starts from them.
Labels run side by side, as many as fill a pass, and each joins at the first block that it touches.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np
import torch
import xarray as xr
from jaxtyping import Bool
from torch import Tensor

from semphase.measure.batching import Batch, Row, batches, prompts_as_rows
from semphase.measure.blocks import Stream
from semphase.measure.compiling import Compiler
from semphase.measure.edit_base import Edit
from semphase.measure.gathering import Gathered
from semphase.measure.halving import give_back, in_passes, remark_halves, within_memory
from semphase.measure.items import Items
from semphase.measure.looks import Reader, require_finite_rows
from semphase.measure.products.exact import replay_of, replay_tokens
from semphase.measure.reading import Seeing
from semphase.measure.replay import Replay
from semphase.measure.sites import Site
from semphase.measure.sweeps import pass_tokens
from semphase.models import Model
from semphase.models.memory import OutOfMemory

Label = TypeVar("Label", bound=Hashable)
R = TypeVar("R")
Edits = Mapping[Label, Sequence[Edit]]
EPSILONS = 32
"""Streams that differ by less than this many roundings of their norm are taken for the same."""


def sweep_site(
    model: Model,
    items: Items,
    edits: Edits[Label],
    site: Site,
    *,
    memory: int | None = None,
) -> dict[Label, xr.DataArray]:
    """The values at a site, as `reading.read` lays them out, under each list of edits."""
    compiler = Compiler(model, items)
    found = {label: Gathered(items, compiler.shape, site) for label in edits}
    compiler.require((edit for own in edits.values() for edit in own), site)

    def sweep(group: Batch) -> None:
        with replay_of(model, group.ids, memory) as replay:
            for labels, seen in _passes(replay, compiler, group, edits, lambda _, seen: seen, site):
                for label, (own,) in zip(labels, seen, strict=True):
                    own.require_finite(group, model)
                    found[label].put(group, own.values)

    for _ in in_passes(model, groups(model, items, prompts_as_rows(items), memory), sweep):
        pass
    return {label: own.finished() for label, own in found.items()}


def groups(model: Model, items: Items, rows: Sequence[Row], memory: int | None = None) -> list[Batch]:
    """The rows of some prompts, as many together as fill a pass and fit into memory; always the same ones."""
    return list(batches(model, items, rows, replay_tokens(model, memory)))


def swept_group(
    model: Model,
    group: Batch,
    edits: Edits[Label],
    reader: Reader,
    *,
    memory: int | None = None,
    compiler: Compiler | None = None,
) -> Iterator[tuple[Label, np.ndarray, bool]]:
    """Label by label: what the reader finds in each row of a group, and whether anything moved there.

    A compiler that served other groups of the prompts has read their runs already. Where memory does not hold the group
    even with one label at a time, the labels that are left see one half of its rows after the other.
    """
    compiler = Compiler(model, group.items) if compiler is None else compiler
    compiler.require(edit for own in edits.values() for edit in own)
    left = dict(edits)
    try:
        for label, values, moved in _swept(model, group, edits, reader, memory, compiler):
            del left[label]
            yield label, values, moved
    except OutOfMemory:
        if len(group) < 2:
            raise
    if left:
        remark_halves(model)
        give_back(model.device)
        yield from _in_halves(model, group, left, reader, memory, compiler)


def _in_halves(
    model: Model, group: Batch, edits: Edits[Label], reader: Reader, memory: int | None, compiler: Compiler
) -> Iterator[tuple[Label, np.ndarray, bool]]:
    middle = len(group) // 2
    first, second = (
        swept_group(model, half, edits, reader, memory=memory, compiler=compiler)
        for half in (group[:middle], group[middle:])
    )
    found = {label: (values, moved) for label, values, moved in first}
    for label, values, moved in second:
        yield label, _joined(found[label][0], values), moved or found[label][1]


def _joined(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The values of some rows and of others, nan behind the end of shorter ones."""
    if first.ndim == 1:
        return np.concatenate([first, second])
    width = max(first.shape[1], second.shape[1])
    filled = [np.pad(own, ((0, 0), (0, width - own.shape[1])), constant_values=np.nan) for own in (first, second)]
    return np.concatenate(filled)


def _swept(
    model: Model, group: Batch, edits: Edits[Label], reader: Reader, memory: int | None, compiler: Compiler
) -> Iterator[tuple[Label, np.ndarray, bool]]:
    with within_memory(model), replay_of(model, group.ids, memory) as replay:
        before = replay.stream(model.layers)
        inside = (torch.arange(group.width) < torch.tensor(group.lengths)[:, None]).to(before.device)

        @torch.no_grad()
        def read_in(streams: list[Stream], _: object) -> tuple[Tensor, list[bool]]:
            values = [reader.read(model, group, stream) for stream in streams]
            moved = torch.stack([moves(before, stream, inside) for stream in streams])
            # What is found leaves the device once for all labels of a pass.
            return torch.stack(values).cpu(), moved.tolist()

        for labels, (host, told) in _passes(replay, compiler, group, edits, read_in):
            for label, found, own in zip(labels, host, told, strict=True):
                require_finite_rows(reader, model, group, found)
                yield label, found.numpy(), own


def moves(before: Stream, after: Stream, inside: Bool[Tensor, "row position"]) -> Bool[Tensor, ""]:
    """Whether any position of any row differs by more than rounding, of those inside the prompts."""
    change = (after - before).norm(dim=-1) > EPSILONS * torch.finfo(before.dtype).eps * before.norm(dim=-1)
    return (change & inside).any()


def _passes(
    replay: Replay,
    compiler: Compiler,
    group: Batch,
    edits: Edits[Label],
    read: Callable[[list[Stream], list[list[Seeing]]], R],
    *sites: Site,
) -> Iterator[tuple[list[Label], R]]:
    """The labels that one pass takes side by side, and what is read of what leaves the last block and of sites before."""
    width = max(1, pass_tokens(replay.model) // replay.ids.numel())

    def passed(labels: list[Label]) -> R:
        seen = [[Seeing(site) for site in sites] for _ in labels]
        looks = [[own.look for own in several] for several in seen]
        changes = [compiler.changes(edits[label], group, own) for label, own in zip(labels, looks, strict=True)]
        return read(list(replay.together(changes)) if len(labels) > 1 else [replay.final(changes[0])], seen)

    yield from in_passes(replay.model, _alike(compiler, edits, width), passed)


def _alike(compiler: Compiler, edits: Edits[Label], width: int) -> Iterator[list[Label]]:
    """Labels that skip the same blocks, at most `width` of them, those that start at the same one together."""
    alike: dict[frozenset[int], list[tuple[int, Label]]] = {}
    for label, own in edits.items():
        start, skipped = compiler.touched(own)
        alike.setdefault(skipped, []).append((start, label))
    for started in alike.values():
        labels = [label for _, label in sorted(started, key=lambda own: own[0])]
        for first in range(0, len(labels), width):
            yield labels[first : first + width]
