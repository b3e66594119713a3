"""The effects of single heads, screened with less arithmetic and confirmed in full precision near every decision.

How far the screening is off is seen at the heads that are confirmed and at some more over the whole ranking (`trust`). Where
it is off by too much, more heads are confirmed, or all, and a notice says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np
import scipy
import xarray as xr
from jaxtyping import Float, Int
from torch import Tensor

from semphase.machine import hardware
from semphase.measure.screening.ways import Make, Product, Way, fastest, screening, speedups, worth_screening
from semphase.measure.sweeps import Substitute, head_by_head
from semphase.science.heads.spending import SEARCHES, Search
from semphase.science.heads.trust import SOUND, Trial, drawn
from semphase.stats.blocks import BlockLosses
from semphase.study.study import Study
from semphase.study.text import Half, Ids, LazyReplay, joined

SCREENING_VERSION = 4
EDGE = 0.01
"""Share of the heads confirmed at either end of the ranking and on either side of the registered count."""


@dataclass(frozen=True, slots=True)
class Screened:
    """Losses [head, block] of which some are confirmed, and by how much the screening was off there, in nats.

    `share` is the root mean square of the errors as shares of what would move a decision, at the heads that are `checked`
    beside them as well. What is not `sound` ranks nothing that was not confirmed.
    """

    way: Way
    losses: BlockLosses
    confirmed: tuple[int, ...]
    checked: int
    rms_error: float
    largest_error: float
    share: float

    @property
    def sound(self) -> bool:
        """Are the ranks of heads that were not confirmed to be trusted?"""
        return self.share <= SOUND

    @property
    def error(self) -> float:
        """The standard deviation with which these losses were measured, 0 where all were confirmed."""
        return 0.0 if len(self.confirmed) == len(self.losses.sums) else self.rms_error

    def told(self) -> dict[str, object]:
        """For a report's detail."""
        return {
            "screened in": self.way,
            "heads confirmed in full precision": len(self.confirmed),
            "further heads compared": self.checked,
            "root mean square error over what would move a decision": self.share,
            "root mean square error of the screening (nats)": self.rms_error,
            "largest error of the screening (nats)": self.largest_error,
        }


@dataclass(eq=False)
class Screening:
    """Every head alone on the choosing half of a study's text, screened in one way.

    `other` gives what the heads of a layer give under a kind of change; `exact` measures some heads in full precision;
    `total` is the number of heads, `count` that of the registered share.
    """

    study: Study
    way: Way
    other: Callable[[str, int], Substitute]
    exact: Callable[[str, Half, tuple[int, ...]], BlockLosses]
    total: int
    count: int
    _found: dict[str, Screened] = field(default_factory=dict, repr=False)

    @property
    def named(self) -> dict[str, str]:
        """For the store's key of screened losses: another way or another version gives other numbers."""
        return {"screening": f"{self.way} {SCREENING_VERSION}"}

    @cached_property
    def rough(self) -> Make:
        """What makes replays that screen; what they keep stays in memory until the next one."""
        return screening(self.study.model, self.way, self.study.text.memory)

    def single(self, kind: str) -> Screened:
        """Single heads under a kind of change, exact near every decision."""
        if kind not in self._found:
            self._found[kind] = self._single(kind)
        return self._found[kind]

    def was_done(self, kind: str) -> bool:
        """Were heads screened under a kind of change, in this run or before?"""
        ids = next(self.study.text.groups("choose"))
        key = self.study.text.key("screened heads", ids, kind=kind, layer=0, **self.named)
        return self.study.store.path(key).exists()

    def _single(self, kind: str) -> Screened:
        rough, baseline = self._differences(kind), self.study.text.baseline("choose")
        trial, screened = Trial(rough.mean, self.count), rough.sums + baseline.sums
        sums = screened.copy()

        def measured(chosen: Int[np.ndarray, " chosen"]) -> Float[np.ndarray, "chosen block"]:
            found = self.exact(kind, "choose", tuple(chosen.tolist()))
            trial.exact[chosen] = found.mean - baseline.mean
            return found.sums

        near = near_decisions(rough.mean, self.count)
        sums[near] = measured(near)
        checked = drawn(rough.mean, near, self.study.rng(f"heads that check the screening, {kind}"))
        trial.drawn[checked] = True
        exact = measured(checked) if len(checked) else sums[:0]
        confirmed, share = near, trial.error
        if not trial.sound:
            sums[checked] = exact
            while len(doubtful := trial.doubtful()):
                sums[doubtful] = measured(doubtful)
            confirmed = np.flatnonzero(trial.known)
            self._notice(kind, share, len(confirmed))
        errors = (screened - sums)[confirmed].sum(axis=-1) / baseline.tokens
        rms, largest = float(np.sqrt(np.mean(errors**2))), float(np.abs(errors).max())
        losses = BlockLosses(sums, baseline.counts)
        return Screened(self.way, losses, tuple(confirmed.tolist()), len(checked), rms, largest, share)

    def _notice(self, kind: str, share: float, confirmed: int) -> None:
        told = "all" if confirmed == self.total else f"{confirmed} of {self.total}"
        sentence = (
            f"screening heads of {self.study.label} in {self.way} ({kind}) is off by {share:.0%} of what moves a decision; "
            f"{told} were measured in full precision."
        )
        if sentence not in self.study.store.notices:
            self.study.store.notices.append(sentence)

    def _differences(self, kind: str) -> BlockLosses:
        """Losses by screening less the baseline by screening, sums [head, block]."""
        groups = list(self.study.text.groups("choose"))
        label = f"{kind}: heads screened in {self.way}, {self.study.label}"
        with self.study.progress(label, len(groups) * self.total) as advance:
            return joined([self._group(kind, ids, advance) for ids in groups])

    def _group(self, kind: str, ids: Ids, advance: Callable[[int], None]) -> BlockLosses:
        with LazyReplay(lambda: self.rough(ids, {})) as lazy:

            def run(layer: int) -> Tensor:
                return head_by_head(lazy.replay, layer, self.other(kind, layer)) - lazy.replay.in_force

            rows = []
            for layer in range(self.study.model.layers):
                what = {"kind": kind, "layer": layer, **self.named}
                rows.append(self.study.text.stored("screened heads", ids, partial(run, layer), ("head",), **what))
                advance(len(rows[-1].sums))
        return BlockLosses(np.concatenate([row.sums for row in rows]), rows[0].counts)


def way_of_screening(study: Study) -> Way | None:
    """The fastest way for the device; None where the device gains nothing, or the budget does not allow that way."""
    model = study.model
    if not worth_screening(model):
        return None
    way = fastest(model, next(study.text.groups("choose")).numel(), _speedups(study), study.text.memory)
    return way if way in SEARCHES.get(study.budget.name, Search()).ways else None


def _speedups(study: Study) -> dict[Product, float]:
    """How much faster this machine multiplies; measured once, for another choice would measure all heads again."""
    model = study.model
    key = {
        "measurement": "product speedups",
        "hardware": hardware(),
        "device": str(model.device),
        "d_model": model.d_model,
        "screening": SCREENING_VERSION,
    }

    def measure() -> xr.Dataset:
        found = speedups(model)
        return xr.Dataset({"speedup": ("product", list(found.values()))}, coords={"product": list(found)})

    found = study.store.get(key, measure)["speedup"]
    return {product: float(found.sel(product=product)) for product in found["product"].values.tolist()}


def near_decisions(effects: Float[np.ndarray, " head"], count: int) -> Int[np.ndarray, " near"]:
    """The heads whose rank matters: both ends of the ranking and either side of the first `count`."""
    ranks, margin = scipy.stats.rankdata(effects, method="ordinal") - 1, math.ceil(EDGE * len(effects))
    ends = (ranks < margin) | (ranks >= len(effects) - margin)
    return np.flatnonzero(ends | (np.abs(ranks - count + 0.5) < margin))
