"""Many lists of edits on the same prompts or chunks of text, each replayed from the first block that it touches.

A group of prompts is run once without edits, and its streams are kept; every label of the sweep starts from them.
Labels that start at the same block run side by side, as many as fill a pass.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np
import torch
import xarray as xr

from semphase.measure.batching import Batch, Row, batches, prompts_as_rows
from semphase.measure.blocks import Stream
from semphase.measure.compiling import Compiler
from semphase.measure.edit_base import Edit
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
        with Replay(model, group.ids, memory) as replay:
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
    with Replay(model, group.ids, memory) as replay:
        before = replay.stream(model.layers)
        for label, stream, _ in _streams(replay, compiler, group, edits):
            with torch.no_grad():
                values = reader.read(model, group, stream)
            require_finite_rows(reader, model, group, values)
            yield label, values.cpu().numpy(), moves(before, stream, group)


def moves(before: Stream, after: Stream, group: Batch) -> bool:
    """Whether any position of any row differs by more than rounding."""
    inside = torch.arange(group.width) < torch.tensor(group.lengths)[:, None]
    change = (after - before).norm(dim=-1) > EPSILONS * torch.finfo(before.dtype).eps * before.norm(dim=-1)
    return bool((change & inside.to(change.device)).any())


def _streams(
    replay: Replay, compiler: Compiler, group: Batch, edits: Edits[Label], *sites: Site
) -> Iterator[tuple[Label, Stream, list[Seeing]]]:
    """Label by label what leaves the last block, and what was seen at sites on the way; run side by side."""
    width = max(1, pass_tokens(replay.model) // replay.ids.numel())
    for labels in _alike(compiler, edits, width):
        seen = [[Seeing(site) for site in sites] for _ in labels]
        looks = [[own.look for own in several] for several in seen]
        changes = [compiler.changes(edits[label], group, own) for label, own in zip(labels, looks, strict=True)]
        streams = list(replay.together(changes)) if len(labels) > 1 else [replay.final(changes[0])]
        yield from zip(labels, streams, seen, strict=True)


def _alike(compiler: Compiler, edits: Edits[Label], width: int) -> Iterator[list[Label]]:
    """Labels that start at the same block and skip the same ones, at most `width` of them."""
    alike: dict[tuple[int, frozenset[int]], list[Label]] = {}
    for label, own in edits.items():
        alike.setdefault(compiler.touched(own), []).append(label)
    for labels in alike.values():
        for first in range(0, len(labels), width):
            yield labels[first : first + width]
