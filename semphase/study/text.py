"""Losses on the study's text under any condition, measured group of chunks by group and kept in the store."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, Literal

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float, Int
from torch import Tensor

from semphase.errors import NotApplicable, SemphaseError
from semphase.measure.edit_base import Edit
from semphase.measure.halving import chunks_in_passes, within_memory
from semphase.measure.items import Items
from semphase.measure.looks import Losses
from semphase.measure.measurement import installed
from semphase.measure.on_prompts import chunk_logits, values_at
from semphase.measure.preflight import preflight
from semphase.measure.products.exact import replay_of, replay_tokens
from semphase.measure.replay import MEMORY, Replay
from semphase.measure.sites import Site
from semphase.measure.sweeps import require_finite
from semphase.measure.text import chunk_length, text_chunks
from semphase.models import Model
from semphase.stats.blocks import BlockLosses, in_blocks
from semphase.store.store import canonical
from semphase.study.awaited import Awaited
from semphase.study.owner import Owner
from semphase.study.sweep import Edits, Sweep, as_edits, over_labels, require_any_moves, require_each_moves, site_under

Half = Literal["choose", "judge", "both"]
Ids = Int[Tensor, "chunk position"]
LOSSES_VERSION = 2


@dataclass(eq=False)
class Reading:
    """The study's text as chunks of tokens, and the losses on it.

    The first half of the chunks, "choose", serves to find an order or a basis; the second, "judge", to judge it. A
    universe can exchange the halves ("half"), cut shorter chunks ("chunk"), leave out each chunk's first block of losses
    ("blocks"), or make chunks the units ("units").
    """

    study: Owner
    _baselines: dict[Half, BlockLosses] = field(default_factory=dict, repr=False)
    edited: bool = field(default=False, init=False, repr=False)
    """Were losses under edits asked for?"""

    @cached_property
    def ids(self) -> Int[np.ndarray, "chunk position"]:
        """Token ids of all chunks."""
        corpus = self.study.corpus
        model, share = self.study.tokenizing_model, self.study.choice("chunk")
        length = None if share is None else max(2, int(share * chunk_length(model)))
        name = f"the corpus {corpus.name}"
        return text_chunks(model, corpus.text, self.study.budget.tokens, name=name, length=length)

    def chunks(self, half: Half) -> Int[np.ndarray, "chunk position"]:
        """Token ids of one half, or of both."""
        middle = len(self.ids) // 2
        first, second = self.ids[:middle], self.ids[middle:]
        if self.study.choice("half") == "other":
            first, second = second, first
        halves = {"choose": first, "judge": second, "both": self.ids}
        if half not in halves:
            raise SemphaseError(f"the text has no half {half!r}; choose choose, judge or both.")
        return halves[half]

    def tokens(self, half: Half) -> int:
        """How many tokens are predicted."""
        return int(self.chunks(half)[:, 1:].size)

    @cached_property
    def memory(self) -> int:
        """Bytes for residual streams."""
        return self.study.memory or MEMORY

    def groups(self, half: Half) -> Iterator[Ids]:
        """The chunks of a half, as many at a time as fit into one pass and into memory."""
        model, chunks = self.study.tokenizing_model, self.chunks(half)
        length = chunks.shape[1]
        size = max(1, replay_tokens(model, self.study.memory, length) // length)
        for start in range(0, len(chunks), size):
            yield torch.from_numpy(chunks[start : start + size]).to(model.device)

    def replay(self, ids: Ids) -> Replay:
        """The replay of a group, whose streams stay within the memory allowed."""
        return replay_of(self.study.model, ids, self.study.memory)

    def key(self, measurement: str, ids: Ids | None, **what: Any) -> dict[str, Any]:
        """The store's key of a measurement on some chunks."""
        text = None if ids is None else hashlib.sha256(ids.cpu().numpy().tobytes()).hexdigest()
        return self.study.subject.identity | {
            "measurement": measurement,
            "version": LOSSES_VERSION,
            "text": text,
            "what": what,
            "torch": installed("torch"),
            "transformers": installed("transformers"),
        }

    @cached_property
    def checked(self) -> tuple[float, float]:
        """Preflight: how far the seam moves the loss unchanged, and with a third of the heads zeroed (nats)."""
        ids = torch.from_numpy(self.ids[:1])

        def measure() -> xr.Dataset:
            with within_memory(self.study.model):
                kept, moved = preflight(self.study.model, ids)
            return xr.Dataset({"kept": kept, "moved": moved}, attrs={"unit": "nats per token"})

        found = self.study.store.get(self.key("preflight", ids), measure)
        return float(found["kept"]), float(found["moved"])

    def require_preflight(self) -> None:
        """Raise SemphaseError for a model whose attention cannot be changed through the seam."""
        _ = self.checked

    def measured_losses(
        self,
        measurement: str,
        half: Half,
        run: Callable[[Model, Ids], Tensor],
        dims: tuple[str, ...] = (),
        **what: Any,
    ) -> BlockLosses:
        """Token losses of `run(model, ids)`, `[*dims, chunk, predicted]`, in blocks; stored under `what`.

        Raises SemphaseError, naming `measurement` and `what`, where a loss is not finite.
        """
        self.require_preflight()
        groups, parts = list(self.groups(half)), []
        with self.study.progress(f"{measurement} of {self.study.label}: {_told(what)}", len(groups)) as advance:
            for ids in groups:
                parts.append(
                    self.stored(measurement, ids, partial(chunks_in_passes, run, self.study.model, ids), dims, **what)
                )
                advance(1)
        return joined(parts)

    def stored(
        self, measurement: str, ids: Ids, run: Callable[[], Tensor], dims: tuple[str, ...] = (), **what: Any
    ) -> BlockLosses:
        """The same for one group of chunks; `run` is called only where the store has no answer."""

        def measure() -> xr.Dataset:
            losses = run()
            require_finite(losses, f"{measurement} ({_told(what)})")
            sums, counts = in_blocks(losses.double().cpu().numpy())
            return xr.Dataset({"sums": ((*dims, "block"), sums), "counts": ("block", counts)}, attrs={"unit": "nats"})

        found = self.study.store.later(self.key(measurement, ids, **what), measure)
        return Awaited(lambda: self._as_read(_losses_in(found()), len(ids)))

    def in_units(self, losses: BlockLosses, half: Half) -> BlockLosses:
        """Losses of a half in blocks, in the units of the study's universe."""
        return self._as_read(losses, len(self.chunks(half)))

    def _as_read(self, losses: BlockLosses, chunks: int) -> BlockLosses:
        """Losses of so many chunks in the units of the study's universe."""
        if self.study.choice("blocks") == "without 0":
            losses = _without_first(losses, chunks)
        if self.study.choice("units") != "chunks":
            return losses
        if len(self.chunks("judge")) < 2:
            raise NotApplicable("the half of the text that judges is one chunk")
        return losses.in_runs(chunks)

    def baseline(self, half: Half) -> BlockLosses:
        """Losses of the unchanged model."""
        if half not in self._baselines:
            self._baselines[half] = self.measured_losses(
                "losses", half, lambda _model, ids: self.replay_losses(ids, {})
            )
        return self._baselines[half]

    def losses(self, edits: Edit | Iterable[Edit] = (), half: Half = "judge", *, must_move: bool = True) -> BlockLosses:
        """Losses under some edits, those of the unchanged model without any.

        Raises SemphaseError for edits that the model lacks the place for, and for one that moves nothing, unless
        `must_move` is False.
        """
        own = as_edits(edits)
        if not own:
            return replace(self.baseline(half), text=self.items(half).identity)
        if len(own) > 1:  # of one alone the sweep tells
            self._require(own, half, must_move=must_move)
        losses = self._swept({"": own}, half, must_move=must_move)
        found = self.in_units(BlockLosses(*in_blocks(losses.values[0])), half)
        return replace(found, text=self.items(half).identity)

    def sweep(self, edits: Edits, what: str | Site, half: Half, *, must_move: bool = True) -> xr.DataArray:
        """Mean losses of blocks under each label's edits, [label, block], `tokens` in each block; or a site's values."""
        if isinstance(what, Site):
            if must_move:
                require_any_moves(self.study, self.items(half), edits)
            return over_labels(site_under(self.study, self.items(half), edits, what))
        if what != "losses":
            raise SemphaseError(f"{what!r} is not read of a text; choose losses or a site.")
        losses = self._swept(edits, half, must_move=must_move)
        own = self.in_units(BlockLosses(*in_blocks(losses.values)), half)
        found = xr.DataArray(own.sums / own.counts, dims=("label", "block"), attrs={"unit": "nats per token"})
        labels = {name: coord for name, coord in losses.coords.items() if coord.dims == ("label",)}
        return found.assign_coords(labels | {"tokens": ("block", own.counts)})

    def _swept(self, edits: Edits, half: Half, *, must_move: bool) -> Float[xr.DataArray, "label chunk predicted"]:
        self.edited = True
        self.require_preflight()
        return Sweep(self.study, self.items(half), Losses(), edits, must_move).result()

    def items(self, half: Half) -> Items:
        """The chunks of a half as prompts."""
        return Items.of_chunks(self.chunks(half))

    @property
    def identity(self) -> str:
        """A hash of the model and of the half that it is read on as a run, "choose"."""
        named = [self.study.subject.identity, self.items("choose").identity]
        return hashlib.sha256(canonical({"text": named}).encode()).hexdigest()

    def read(
        self, site: Site, half: Half = "choose", edits: Edit | Iterable[Edit] = (), *, must_move: bool = True
    ) -> xr.DataArray:
        """Values at a site on the chunks of a half, [prompt, layer, (position,) (head,) d]; a chunk is a prompt.

        With the half "choose" the text can be the run that `averaged` and `resampled` take their values from. An edit
        that moves nothing is an error, unless `must_move` is False.
        """
        own = as_edits(edits)
        self._require(own, half, must_move=must_move)
        return self.study.measured(values_at, self.items(half), site=site, edits=own)

    def logits(
        self, half: Half, edits: Edit | Iterable[Edit] = (), *, must_move: bool = True
    ) -> Iterator[Float[np.ndarray, "position vocabulary"]]:
        """Logits at every position of one chunk after the other, in float32; too many to be kept in the store.

        An edit that moves nothing is an error, unless `must_move` is False.
        """
        own = as_edits(edits)
        self._require(own, half, must_move=must_move)
        yield from chunk_logits(self.study.model, self.items(half), own)

    def _require(self, edits: tuple[Edit, ...], half: Half, *, must_move: bool) -> None:
        if edits:
            self.require_preflight()
            if must_move:
                require_each_moves(self.study, self.items(half), edits)

    def replay_losses(self, ids: Ids, changes: Mapping[int, Any]) -> Tensor:
        """Losses of one group under changes of attention."""
        with self.replay(ids) as replay:
            return replay.losses(changes) if changes else replay.in_force


class LazyReplay:
    """A replay that is made when the store lacks an answer, and closed with the block."""

    def __init__(self, make: Callable[[], Replay]) -> None:
        self.make = make
        self._made: Replay | None = None

    def __enter__(self) -> LazyReplay:
        return self

    def __exit__(self, *_: object) -> None:
        if self._made is not None:
            self._made.close()

    @property
    def replay(self) -> Replay:
        """The replay, made now if it was not."""
        if self._made is None:
            self._made = self.make()
        return self._made


def _losses_in(found: xr.Dataset) -> BlockLosses:
    return BlockLosses(found["sums"].values, found["counts"].values)


def _without_first(losses: BlockLosses, chunks: int) -> BlockLosses:
    blocks = len(losses.counts) // chunks
    if blocks < 2:
        raise NotApplicable("a chunk of the text is one block of losses, and nothing is left without its first")
    kept = np.arange(len(losses.counts)) % blocks > 0
    return BlockLosses(losses.sums[..., kept], losses.counts[kept], losses.text)


def joined(parts: list[BlockLosses]) -> BlockLosses:
    """The blocks of several groups of chunks, one after the other."""
    if not parts:
        raise SemphaseError("no chunk of text was measured; give a longer --corpus.")
    return BlockLosses(
        np.concatenate([part.sums for part in parts], axis=-1), np.concatenate([part.counts for part in parts])
    )


def _told(what: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in what.items() if len(str(value)) < 40) or "unchanged"
