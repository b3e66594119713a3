"""The effects of single heads, screened with less arithmetic and confirmed in full precision near every decision."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import scipy
from jaxtyping import Float, Int

from semphase.measure.screening.ways import Way
from semphase.measure.sweeps import head_by_head
from semphase.stats.blocks import BlockLosses
from semphase.study.text import Half, Ids, LazyReplay, joined

if TYPE_CHECKING:
    from torch import Tensor

    from semphase.science.heads.ablation import Ablation

SCREENING_VERSION = 4
EDGE = 0.01
"""Share of the heads confirmed at either end of the ranking and on either side of the registered count."""


@dataclass(frozen=True, slots=True)
class Screened:
    """Losses [head, block] of which some are confirmed, and by how much the screening was off there, in nats."""

    way: Way
    losses: BlockLosses
    confirmed: int
    rms_error: float
    largest_error: float

    def told(self) -> dict[str, object]:
        """For a report's detail."""
        return {
            "screened in": self.way,
            "heads confirmed in full precision": self.confirmed,
            "root mean square error of the screening (nats)": self.rms_error,
            "largest error of the screening (nats)": self.largest_error,
        }


def screening_named(way: Way) -> dict[str, str]:
    """For the store's key of screened losses: another way or another version gives other numbers."""
    return {"screening": f"{way} {SCREENING_VERSION}"}


def near_decisions(effects: Float[np.ndarray, " head"], count: int) -> Int[np.ndarray, " near"]:
    """The heads whose rank matters: both ends of the ranking and either side of the first `count`."""
    ranks, margin = scipy.stats.rankdata(effects, method="ordinal") - 1, math.ceil(EDGE * len(effects))
    ends = (ranks < margin) | (ranks >= len(effects) - margin)
    return np.flatnonzero(ends | (np.abs(ranks - count + 0.5) < margin))


def screened_single(
    ablation: Ablation, way: Way, kind: str, exact: Callable[[str, Half, tuple[int, ...]], BlockLosses]
) -> Screened:
    """Every head alone on the choosing half; `exact` measures the heads near a decision in full precision."""
    rough, baseline = _differences(ablation, way, kind), ablation.text.baseline("choose")
    chosen = near_decisions(rough.mean, ablation.registered_count)
    confirmed = exact(kind, "choose", tuple(chosen.tolist()))
    sums = rough.sums + baseline.sums
    errors = (sums[chosen] - confirmed.sums).sum(axis=-1) / baseline.tokens
    sums[chosen] = confirmed.sums
    losses = BlockLosses(sums, baseline.counts)
    return Screened(way, losses, len(chosen), float(np.sqrt(np.mean(errors**2))), float(np.abs(errors).max()))


def _differences(ablation: Ablation, way: Way, kind: str) -> BlockLosses:
    """Losses by screening less the baseline by screening, sums [head, block]."""
    text, layers = ablation.text, range(ablation.study.model.layers)

    def group(ids: Ids, advance: Callable[[int], None]) -> BlockLosses:
        with LazyReplay(lambda: ablation.rough(ids, {})) as lazy:

            def run(layer: int) -> Tensor:
                return head_by_head(lazy.replay, layer, ablation.other(kind, layer)) - lazy.replay.in_force

            rows = []
            for layer in layers:
                what = {"kind": kind, "layer": layer, **screening_named(way)}
                rows.append(text.stored("screened heads", ids, partial(run, layer), ("head",), **what))
                advance(len(rows[-1].sums))
        return BlockLosses(np.concatenate([row.sums for row in rows]), rows[0].counts)

    groups = list(text.groups("choose"))
    label = f"{kind}: heads screened in {way}, {ablation.study.label}"
    with ablation.study.progress(label, len(groups) * ablation.heads) as advance:
        return joined([group(ids, advance) for ids in groups])
