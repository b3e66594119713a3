"""Many lists of edits on the same prompts or chunks of text, each replayed from the first block that it touches.

A group of prompts is run once without edits, and its streams are kept; every label of the sweep starts from them.
Labels run side by side, as many as fill a pass, and each joins at the first block that it touches.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
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
from semphase.measure.exact import replay_of
from semphase.measure.gathering import Gathered
from semphase.measure.items import Items
from semphase.measure.looks import Reader, require_finite_rows
from semphase.measure.reading import Seeing
from semphase.measure.replay import MEMORY, Replay, stream_bytes
from semphase.measure.sites import Site
from semphase.measure.sweeps import pass_tokens
from semphase.models import Model

Label = TypeVar("Label", bound=Hashable)
Edits = Mapping[Label, Sequence[Edit]]
EPSILONS = 32
"""Streams that differ by less than this many roundings of their norm are taken for the same."""


def sweep_site(
    model: Model,
    items: Items,
    edits: Edits[Label],
    site: Site,
    *,
    memory: int = MEMORY,
) -> dict[Label, xr.DataArray]:
    """The values at a site, as `reading.read` lays them out, under each list of edits."""
    compiler = Compiler(model, items)
    found = {label: Gathered(items, compiler.shape, site) for label in edits}
    compiler.require((edit for own in edits.values() for edit in own), site)
    for group in groups(model, items, prompts_as_rows(items), memory):
        with replay_of(model, group.ids, memory) as replay:
            for label, _, seen in _streams(replay, compiler, group, edits, site):
                seen[0].require_finite(group, model)
                found[label].put(group, seen[0].values)
    return {label: own.finished() for label, own in found.items()}


def groups(model: Model, items: Items, rows: Sequence[Row], memory: int = MEMORY) -> list[Batch]:
    """The rows of some prompts, as many together as fill a pass and fit into memory; always the same ones."""
    fitting = memory // stream_bytes(model, 1)
    return list(batches(model, items, rows, min(pass_tokens(model), fitting)))


def swept_group(
    model: Model,
    group: Batch,
    edits: Edits[Label],
    reader: Reader,
    *,
    memory: int = MEMORY,
    compiler: Compiler | None = None,
) -> Iterator[tuple[Label, np.ndarray, bool]]:
    """Label by label: what the reader finds in each row of a group, and whether anything moved there.

    A compiler that served other groups of the prompts has read their runs already.
    """
    compiler = Compiler(model, group.items) if compiler is None else compiler
    compiler.require(edit for own in edits.values() for edit in own)
    with replay_of(model, group.ids, memory) as replay:
        before = replay.stream(model.layers)
        inside = (torch.arange(group.width) < torch.tensor(group.lengths)[:, None]).to(before.device)
        for labels, streams, _ in _passes(replay, compiler, group, edits):
            with torch.no_grad():
                values = [reader.read(model, group, stream) for stream in streams]
                moved = torch.stack([moves(before, stream, inside) for stream in streams])
            # What is found leaves the device once for all labels of a pass.
            host, told = torch.stack(values).cpu(), moved.tolist()
            for label, found, own in zip(labels, host, told, strict=True):
                require_finite_rows(reader, model, group, found)
                yield label, found.numpy(), own


def moves(before: Stream, after: Stream, inside: Bool[Tensor, "row position"]) -> Bool[Tensor, ""]:
    """Whether any position of any row differs by more than rounding, of those inside the prompts."""
    change = (after - before).norm(dim=-1) > EPSILONS * torch.finfo(before.dtype).eps * before.norm(dim=-1)
    return (change & inside).any()


def _streams(
    replay: Replay, compiler: Compiler, group: Batch, edits: Edits[Label], *sites: Site
) -> Iterator[tuple[Label, Stream, list[Seeing]]]:
    """Label by label what leaves the last block, and what was seen at sites on the way."""
    for labels, streams, seen in _passes(replay, compiler, group, edits, *sites):
        yield from zip(labels, streams, seen, strict=True)


def _passes(
    replay: Replay, compiler: Compiler, group: Batch, edits: Edits[Label], *sites: Site
) -> Iterator[tuple[list[Label], list[Stream], list[list[Seeing]]]]:
    """The same for all labels that one pass takes side by side."""
    width = max(1, pass_tokens(replay.model) // replay.ids.numel())
    for labels in _alike(compiler, edits, width):
        seen = [[Seeing(site) for site in sites] for _ in labels]
        looks = [[own.look for own in several] for several in seen]
        changes = [compiler.changes(edits[label], group, own) for label, own in zip(labels, looks, strict=True)]
        streams = list(replay.together(changes)) if len(labels) > 1 else [replay.final(changes[0])]
        yield labels, streams, seen


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
