"""Replay instead of rerun: a change in layer k leaves the stream that enters layer k alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import groupby

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from semphase.measure.attention import Attending, Change, Outputs, attending, softmax_outputs
from semphase.measure.beside import beside
from semphase.measure.blocks import (
    EMBEDDING,
    BlockChange,
    BlockChanges,
    Blocks,
    Seen,
    Stream,
    attention_changes,
    attention_of,
    embedded,
    entered,
)
from semphase.measure.halving import within_memory
from semphase.measure.losses import token_losses
from semphase.measure.shelf import Shelf
from semphase.models import Model

Losses = Float[Tensor, "chunk predicted"]
Read = Callable[[Stream, Int[Tensor, "chunk position"]], Losses]
"""From what leaves the last block, and the text, to token losses."""
MEMORY = 4 * 2**30


class Replay:
    """The streams of some chunks of text under the changes in force, from which other changes are replayed.

    No change is in force at first. Another one is evaluated from the first layer at which it differs, whatever it
    changes there. Streams that do not fit into `memory` bytes lie in a temporary file: use it in a `with` block.
    Shorter chunks are filled up behind their end, where a causal model does not see it. `attend` makes the outputs of
    unchanged heads.
    """

    def __init__(
        self, model: Model, ids: Int[Tensor, "chunk position"], memory: int = MEMORY, attend: Change = softmax_outputs
    ) -> None:
        self.model = model
        self.ids = ids.to(model.device)
        self.changes: dict[int, Change | BlockChange] = {}
        self._read: Read = partial(token_losses, model)
        self._attend = self._probed_by = attend
        self._blocks = Blocks(model, self.ids[:1])
        self._streams = Shelf(
            model.layers,
            (*ids.shape, model.d_model),
            dtype=model.dtype,
            device=model.device,
            memory=memory,
            what=f"the residual streams of {ids.numel()} tokens",
        )
        try:
            self._last = self._run(EMBEDDING, {}, keep=True)
            self.in_force = self._losses(self._last, self.ids)
        except BaseException:
            self._streams.close()
            raise

    def __enter__(self) -> Replay:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the memory and the temporary file back."""
        self._streams.close()

    def read_by(self, read: Read) -> None:
        """Read losses in another way from now on; those in force are read anew."""
        self._read = read
        self.in_force = self._losses(self.stream(self.model.layers), self.ids)

    def attend_by(self, attend: Change) -> None:
        """Make the outputs of unchanged heads in another way in what is run from now on; probes stay as they are."""
        self._attend = attend

    def stream(self, layer: int) -> Stream:
        """What enters a block under the changes in force; for the number of layers, what leaves the last one."""
        return entered(self.changes.get(layer), self._entering(layer))

    def attention(self, layer: int) -> Change | None:
        """What is in force at a layer's attention."""
        return attention_of(self.changes.get(layer))

    def outputs(self, layer: int) -> Outputs:
        """The outputs of a layer's heads under the changes in force."""
        return self.probe(layer, self.attention(layer) or _unchanged)

    def probe(self, layer: int, look: Callable[[Attending], Tensor]) -> Tensor:
        """What `look` returns of what a layer's attention sees under the changes in force."""
        found: list[Tensor] = []

        def change(seen: Attending) -> Outputs:
            found.append(look(seen))
            raise Seen

        attention = attending(self.model, {layer: change}, self._probed_by)
        with within_memory(self.model), torch.no_grad(), attention, suppress(Seen):
            self._blocks.through(layer, self.stream(layer))
        return found[0]

    def losses(self, changes: BlockChanges) -> Losses:
        """Token losses in nats under other changes; those in force stay."""
        return self._losses(self.final(changes), self.ids)

    def final(self, changes: BlockChanges) -> Stream:
        """What leaves the last block under other changes; those in force stay."""
        return entered(changes.get(self.model.layers), self._run(self._first_difference(changes), changes))

    def with_outputs(
        self, layer: int, outputs: Float[Tensor, "copy chunk position head d_head"]
    ) -> Float[Tensor, "run predicted"]:
        """Token losses, [copy · chunk, predicted], when a layer's heads give `outputs`; copies are run together."""
        copies, flat = len(outputs), outputs.flatten(0, 1)
        changes = {k: beside([change] * copies) for k, change in self.changes.items()}
        own = changes.get(layer)
        here = own if isinstance(own, BlockChange) else BlockChange("given")
        changes[layer] = replace(here, key="given", attention=lambda _seen: flat)
        stream = self._run(layer, changes, self._entering(layer).repeat(copies, 1, 1))
        return self._losses(entered(changes.get(self.model.layers), stream), self.ids.repeat(copies, 1))

    def together(self, several: Sequence[BlockChanges]) -> Float[Tensor, "copy chunk position d"]:
        """`final` of several changes that skip the same blocks, in one pass.

        Each joins the pass before the first block at which it differs from what is in force.
        """
        starts = [self._first_difference(changes) for changes in several]
        order = sorted(range(len(several)), key=lambda copy: starts[copy])
        running: list[BlockChanges] = []
        parts: list[Stream] = []
        begun = 0
        for start, copies in groupby(order, key=lambda copy: starts[copy]):
            if running:
                parts = [self._run(begun, _beside(running), torch.cat(parts), until=start)]
            joining = [several[copy] for copy in copies]
            running, begun = running + joining, max(start, 0)
            parts += self._joining(start, joining)
        changes = _beside(running)
        stream = entered(changes.get(self.model.layers), self._run(begun, changes, torch.cat(parts)))
        return stream.unflatten(0, (len(several), -1))[np.argsort(order)]

    def _joining(self, start: int, joining: Sequence[BlockChanges]) -> list[Stream]:
        """The streams with which changes that differ from block `start` on begin."""
        if start == EMBEDDING:
            return [self._embedded(changes) for changes in joining]
        return [self._entering(start)] * len(joining)

    def move(self, changes: BlockChanges) -> Losses:
        """Put other changes in force, from the first layer at which they differ; returns the token losses."""
        self._last = self._run(self._first_difference(changes), changes, keep=True)
        self.changes = dict(changes)
        self.in_force = self._losses(self.stream(self.model.layers), self.ids)
        return self.in_force

    def _first_difference(self, changes: BlockChanges) -> int:
        layers = sorted({*changes, *self.changes})
        return next((k for k in layers if changes.get(k) != self.changes.get(k)), self.model.layers)

    def _entering(self, layer: int) -> Stream:
        """The stream before what happens at a layer's entrance."""
        return self._last if layer == self.model.layers else self._streams[layer]

    def _embedded(self, changes: BlockChanges) -> Stream:
        with torch.no_grad():
            return embedded(self.model, self.ids, changes.get(EMBEDDING))

    def _run(
        self,
        start: int,
        changes: BlockChanges,
        stream: Stream | None = None,
        *,
        until: int | None = None,
        keep: bool = False,
    ) -> Stream:
        """What enters block `until`, or leaves the last, from what enters one before anything happens there.

        By default the latter is what is kept.
        """
        if stream is None:
            stream = self._embedded(changes) if start == EMBEDDING else self._entering(start)
        attention = attending(self.model, attention_changes(changes), self._attend)
        with within_memory(self.model), torch.no_grad(), attention:
            for layer in range(max(start, 0), self.model.layers if until is None else until):
                if keep:
                    self._streams[layer] = stream
                stream = self._blocks.through(layer, stream, changes.get(layer))
        return stream

    def _losses(self, stream: Stream, ids: Tensor) -> Losses:
        with within_memory(self.model), torch.no_grad():
            return self._read(stream, ids)


def _beside(running: Sequence[BlockChanges]) -> dict[int, Change | BlockChange]:
    """Changes of as many copies of the chunks."""
    layers = dict.fromkeys(layer for changes in running for layer in changes)
    return {layer: beside([changes.get(layer) for changes in running]) for layer in layers}


def stream_bytes(model: Model, tokens: int) -> int:
    """Memory that the streams kept of so many tokens take, all layers together."""
    return tokens * model.layers * model.d_model * model.dtype.itemsize


def _unchanged(seen: Attending) -> Outputs:
    return seen.outputs
