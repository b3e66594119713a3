"""Heads changed one by one and together: losses under every change, kept in the store as they are measured."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float
from torch import Tensor

from semphase.measure.changes import Ablated, Constant, Reformed, Together
from semphase.measure.replay import Replay
from semphase.measure.sweeps import Substitute, gradient_importance, head_by_head, head_means, substitute
from semphase.science.heads.screened import Screening, way_of_screening
from semphase.stats.blocks import BlockLosses
from semphase.study.study import Study
from semphase.study.text import Half, Ids, LazyReplay, Reading, joined

Assignment = Mapping[int, str]
"""The kind of change of each changed head; heads are numbered layer by layer."""
ABLATIONS = ("zero", "mean")
SHARE = 0.30


@dataclass(eq=False)
class Heads:
    """Losses under changes of heads; a change is "zero", "mean" or a form of attention (semphase.measure.changes).

    Heads are numbered layer · heads + head. Mean outputs are taken over the half of the text that chooses orders.
    """

    study: Study
    _found: dict[tuple[object, ...], BlockLosses] = field(default_factory=dict, repr=False)

    @property
    def text(self) -> Reading:
        """The text that losses are measured on."""
        return self.study.text

    def shown(self, detail: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What a report shows beside the registered analysis, made there only: nothing in a universe."""
        return detail() if self.study.registered else {}

    @property
    def ablation(self) -> str:
        """How heads are ablated: by zero, or as the study's universe chose."""
        return self.study.choice("ablation") or ABLATIONS[0]

    @property
    def registered_count(self) -> int:
        """⌊0.30 · heads⌋, the registered share of the heads (43 of 144 in 001, exp10)."""
        return math.floor(SHARE * self.total)

    @property
    def total(self) -> int:
        """Attention heads of the model, all layers together."""
        model = self.study.tokenizing_model
        return model.layers * model.heads

    @cached_property
    def means(self) -> dict[int, Constant]:
        """The mean output of every head, by layer."""
        layers = range(self.study.tokenizing_model.layers)

        def measure() -> xr.Dataset:
            groups = list(self.text.groups("choose"))
            found = []
            for ids in groups:  # one replay at a time, for together they would not fit
                with self.text.replay(ids) as replay:
                    found.append(torch.stack([head_means([replay], layer) for layer in layers]).cpu().numpy())
            mean = np.average(found, axis=0, weights=[len(ids) for ids in groups])
            return xr.Dataset({"mean": (("layer", "head", "d_head"), mean)})

        key = self.text.key("head means", torch.from_numpy(self.text.chunks("choose")))
        found = self.study.store.get(key, measure)["mean"].values
        return {k: Constant(torch.from_numpy(own).to(self.study.model.device)) for k, own in enumerate(found)}

    def other(self, kind: str, layer: int) -> Substitute:
        """What the heads of a layer give under a kind of change."""
        return substitute(kind, self.means[layer] if kind == "mean" else None)

    # One head at a time

    def single(self, kind: str, half: Half) -> BlockLosses:
        """Losses with one head changed, sums [head, block]; screened on the choosing half where that saves time.

        In a universe of the same text they are those of the study that it is a variant of, heads confirmed there included.
        """
        if (base := self._of_same_text) is not None:
            return self.text.in_units(base.single(kind, half), half)
        if half == "choose" and self.screening is not None:
            return self.screening.single(kind).losses
        return self._remembered(("single", kind, half), lambda: self._single(kind, half, None))

    @cached_property
    def _of_same_text(self) -> Heads | None:
        base = self.study.base
        halves: tuple[Half, ...] = ("choose", "judge")
        if base is None or any(not np.array_equal(base.text.chunks(own), self.text.chunks(own)) for own in halves):
            return None
        return base.facet(Heads)

    @cached_property
    def _of_exchanged_halves(self) -> Heads | None:
        """In a universe whose judging half chooses in the study that it is a variant of: that study, if all is exact."""
        base = self.study.base
        if base is None or not np.array_equal(base.text.chunks("choose"), self.text.chunks("judge")):
            return None
        return base.facet(Heads) if base.facet(Heads).screening is None else None

    @cached_property
    def screening(self) -> Screening | None:
        """How single heads are screened; None where the device gains nothing or the budget does not allow it."""
        way = way_of_screening(self.study)
        if way is None:
            return None
        return Screening(self.study, way, self.other, self._single, self.total, self.registered_count)

    def _trusted(self, kind: str) -> Screening | None:
        """The screening, where it ranks heads under a kind of change."""
        return self.screening if self.screening is not None and self.screening.single(kind).sound else None

    def screening_told(self, *kinds: str) -> dict[str, Any]:
        """For a report's detail: by how much the screening of these changes was off; nothing where all was exact."""
        if self.screening is None:
            return {}
        told = {kind: self.screening.single(kind).told() for kind in kinds}
        return {"screening": told[kinds[0]] if len(kinds) == 1 else told}

    def screening_error(self, kind: str) -> float:
        """Root mean square error of the screening where it was confirmed, nats per token; 0 where all was exact."""
        return 0.0 if self.screening is None else self.screening.single(kind).error

    def single_of(self, kind: str, half: Half, heads: Iterable[int]) -> BlockLosses:
        """The same for some heads, in rising order of their numbers."""
        chosen = tuple(sorted(int(head) for head in heads))
        if half == "choose":  # where every head is measured anyway
            found = self.single(kind, half)
            return BlockLosses(found.sums[list(chosen)], found.counts)
        if (base := self._of_exchanged_halves) is not None and kind != "mean":  # whose means are another half's
            found = base.single(kind, "choose")
            return BlockLosses(found.sums[list(chosen)], found.counts)
        return self._remembered(("single", kind, half, chosen), lambda: self._single(kind, half, chosen))

    def _single(self, kind: str, half: Half, heads: tuple[int, ...] | None) -> BlockLosses:
        self.text.require_preflight()
        wanted = self._by_layer(range(self.total) if heads is None else heads)
        groups = list(self.text.groups(half))
        label = f"{kind}: one head after the other, {self.study.label}"
        with self.study.progress(label, len(groups) * sum(map(len, wanted.values()))) as advance:
            return joined([self._single_group(kind, ids, wanted, advance) for ids in groups])

    def _single_group(
        self, kind: str, ids: Ids, wanted: Mapping[int, list[int]], advance: Callable[[int], None]
    ) -> BlockLosses:
        rows = []
        with LazyReplay(partial(self.text.replay, ids)) as lazy:
            for layer, heads in wanted.items():

                def run(layer: int = layer, heads: list[int] = heads) -> Tensor:
                    return head_by_head(lazy.replay, layer, self.other(kind, layer), heads)

                what: dict[str, Any] = {"kind": kind, "layer": layer, **self._means_named(kind)}
                if len(heads) < self.study.tokenizing_model.heads:
                    what["heads"] = heads
                rows.append(self.text.stored("single heads", ids, run, ("head",), **what))
                advance(len(heads))
        return BlockLosses(np.concatenate([row.sums for row in rows]), rows[0].counts)

    def gradient(self, kind: str) -> Float[np.ndarray, " head"]:
        """First-order estimate of the change of loss by each head alone, in nats per token of the choosing half."""
        model, total = self.study.tokenizing_model, np.zeros(self.total)
        for ids in self.text.groups("choose"):

            def measure(ids: Ids = ids) -> xr.Dataset:
                others = {layer: self.other(kind, layer) for layer in range(model.layers)}
                found = gradient_importance(self.study.model, ids, others)
                return xr.Dataset({"change": (("layer", "head"), found.cpu().numpy())}, attrs={"unit": "nats"})

            what = {"kind": kind, **self._means_named(kind)}
            total += self.study.store.get(self.text.key("gradient", ids, **what), measure)["change"].values.ravel()
        return total / self.text.tokens("choose")

    # Several heads together

    def joint(self, assignment: Assignment, half: Half) -> BlockLosses:
        """Losses with several heads changed, sums [block]."""
        found = self.joints([assignment], half)
        return BlockLosses(found.sums[0], found.counts)

    def joints(self, assignments: Sequence[Assignment], half: Half) -> BlockLosses:
        """The same for several sets, sums [set, block]; growing sets re-use what they share."""
        fresh = [own for own in assignments if ("joint", half, _named(own)) not in self._found]
        if fresh:
            self._measure_joints(fresh, half)
        found = [self._found["joint", half, _named(own)] for own in assignments]
        return BlockLosses(np.stack([own.sums for own in found]), found[0].counts)

    def _measure_joints(self, assignments: Sequence[Assignment], half: Half) -> None:
        self.text.require_preflight()
        groups = list(self.text.groups(half))
        label = f"heads changed together, {self.study.label}"
        with self.study.progress(label, len(groups) * len(assignments)) as advance:
            all_found = joined([self._joint_group(ids, assignments, advance) for ids in groups])
        for own, sums in zip(assignments, all_found.sums, strict=True):
            self._found["joint", half, _named(own)] = BlockLosses(sums, all_found.counts)

    def _joint_group(self, ids: Ids, sets: Sequence[Assignment], advance: Callable[[int], None]) -> BlockLosses:
        rows = []
        with LazyReplay(partial(self.text.replay, ids)) as lazy:
            for chosen in sets:

                def run(chosen: Assignment = chosen) -> Tensor:
                    return lazy.replay.move(self.changes(chosen))

                kinds = set(chosen.values())
                what: dict[str, Any] = {"kinds": sorted(kinds), "count": len(chosen), "heads": _named(chosen)}
                what |= self._means_named("mean" if "mean" in kinds else "")
                rows.append(self.text.stored("joint heads", ids, run, **what))
                advance(1)
        return BlockLosses(np.stack([row.sums for row in rows]), rows[0].counts)

    def after(self, removed: Assignment, kind: str, heads: Sequence[int]) -> Float[np.ndarray, " head"]:
        """Mean loss on the choosing half with each of some heads changed on top of those already changed.

        Screened where single heads are and their ranks can be trusted, and not confirmed: it serves to order heads, and
        an order is judged by exact losses on the other half.
        """
        screening = self._trusted(kind)
        base, sums, groups = self.changes(removed), [], list(self.text.groups("choose"))
        what = {"removed": _named(removed), "kind": kind, "heads": _named(numbers(sorted(heads), kind))}
        what |= self._means_named(kind) | ({} if screening is None else screening.named)
        with self.study.progress(f"{kind}: heads ranked anew, {self.study.label}", len(groups) * len(heads)) as advance:
            for ids in groups:
                run = partial(self._after_group, ids, base, kind, sorted(heads), advance)
                sums.append(self.text.stored("further heads", ids, run, ("head",), **what))
        mean = joined(sums).mean
        return mean[np.argsort(np.argsort(heads))]

    def _after_group(
        self, ids: Ids, base: dict[int, Together], kind: str, heads: list[int], advance: Callable[[int], None]
    ) -> Tensor:
        rows = []
        with self._replay_around(ids, base, kind) as replay:
            for layer, own in self._by_layer(heads).items():
                rows.append(head_by_head(replay, layer, self.other(kind, layer), own))
                advance(len(own))
        return torch.cat(rows)

    @contextmanager
    def _replay_around(self, ids: Ids, base: dict[int, Together], kind: str) -> Iterator[Replay]:
        if (screening := self._trusted(kind)) is not None:
            with screening.rough(ids, base) as replay:
                yield replay
            return
        with self.text.replay(ids) as replay:
            replay.move(base)
            yield replay

    def changes(self, assignment: Assignment) -> dict[int, Together]:
        """Changes by layer, as the engine takes them."""
        made = {}
        for layer, heads in self._by_layer(sorted(assignment)).items():
            numbers = {head: assignment[layer * self.study.tokenizing_model.heads + head] for head in heads}
            kinds = sorted(set(numbers.values()))
            made[layer] = Together(
                tuple(self._part(kind, layer, tuple(h for h, own in numbers.items() if own == kind)) for kind in kinds)
            )
        return made

    def _part(self, kind: str, layer: int, heads: tuple[int, ...]) -> Ablated | Reformed:
        if kind == "zero":
            return Ablated(heads)
        return Ablated(heads, self.means[layer]) if kind == "mean" else Reformed(heads, kind)

    def _by_layer(self, heads: Iterable[int]) -> dict[int, list[int]]:
        per_layer = self.study.tokenizing_model.heads
        grouped: dict[int, list[int]] = {}
        for number in heads:
            grouped.setdefault(number // per_layer, []).append(number % per_layer)
        return grouped

    def _means_named(self, kind: str) -> dict[str, Any]:
        """What the mean outputs depend on, where a change uses them."""
        if kind != "mean":
            return {}
        return {"means": hashlib.sha256(self.text.chunks("choose").tobytes()).hexdigest()}

    def _remembered(self, key: tuple[object, ...], make: Callable[[], BlockLosses]) -> BlockLosses:
        if key not in self._found:
            self._found[key] = make()
        return self._found[key]


def _named(assignment: Assignment) -> str:
    return hashlib.sha256(repr(sorted(assignment.items())).encode()).hexdigest()


def numbers(heads: Iterable[int], kind: str) -> dict[int, str]:
    """The assignment of one kind of change to some heads."""
    return {int(head): kind for head in heads}
