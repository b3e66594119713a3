"""Numbers of repeated trainings, and the same without each document and without each seed.

Arrays are [*cell, seed, …]: trainings by configuration and size, their seeds behind. A document is left out of all
trainings at once, so that comparisons are paired. So is a seed: trainings of one index share their starting contexts
and noise, and partly their weights, over sizes and configurations. Documents count as independent, which neighbours in
one text are not quite.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float, Real

from semphase.errors import SemphaseError
from semphase.stats import left_out
from semphase.stats.estimate import Estimate
from semphase.stats.least import Kind, lacking
from semphase.stats.left_out import REAL_LINE, Factor

Units = Literal["documents", "seeds", "text"]
Range = tuple[float, float]
_LEAST: dict[str, Kind] = {"seeds": "seeds of trainings"}


@dataclass(frozen=True, slots=True, eq=False)
class Without:
    """Numbers without each unit of a kind in turn, [unit, *cell]; `strata` [unit] labels what the units lie in."""

    kind: Units
    numbers: Float[np.ndarray, unit * cell]
    strata: np.ndarray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Jackknifed:
    """A number for each cell, [*cell], and what it becomes without each of its units."""

    point: Float[np.ndarray, "*cell"]
    without: tuple[Without, ...]

    def of(self, function: Callable[[Any], Any]) -> Jackknifed:
        """A function of the numbers, which keeps leading axes."""
        return combined(function, self)

    def at(self, cell: tuple[int, ...]) -> Jackknifed:
        """The number of one cell, or of the cells behind it."""
        rest: tuple[Any, ...] = (slice(None), *cell)
        each = tuple(replace(own, numbers=own.numbers[rest]) for own in self.without)
        return Jackknifed(np.asarray(self.point[cell]), each)

    def smooth(self, what: str, *, unit: str = "", within: Range = REAL_LINE, cut: Range = REAL_LINE) -> Estimate:
        """The number of a single cell, on the scale of the range that it lies `within`, its ends `cut` to another."""
        made = left_out.smooth(float(self.point), *self._factors(False), what=what, unit=unit, within=within)
        return self._told(made, cut)

    def smallest(self, what: str, *, unit: str = "", within: Range = REAL_LINE, cut: Range = REAL_LINE) -> Estimate:
        """The smallest of all cells, for rules that each must meet from above."""
        made = left_out.smallest(self.point.ravel(), *self._factors(True), what=what, unit=unit, within=within)
        return self._told(made, cut)

    def largest(self, what: str, *, unit: str = "", within: Range = REAL_LINE, cut: Range = REAL_LINE) -> Estimate:
        """The largest of all cells, for rules that each must meet from below."""
        made = left_out.largest(self.point.ravel(), *self._factors(True), what=what, unit=unit, within=within)
        return self._told(made, cut)

    def estimates(self, what: str, *, within: Range = REAL_LINE, cut: Range = REAL_LINE) -> Estimate | list[Estimate]:
        """One for each of an axis of cells; without an axis, the single one."""
        if not self.point.ndim:
            return self.smooth(what, within=within, cut=cut)
        return [self.at((i,)).smooth(what, within=within, cut=cut) for i in range(len(self.point))]

    def _factors(self, rows: bool) -> list[Factor]:
        """A row for each cell, or none; units that are alone cannot be left out."""
        made = []
        for own in self.without:
            if len(own.numbers) > 1:
                numbers = np.moveaxis(own.numbers.reshape(len(own.numbers), -1), 0, -1)
                least = _LEAST.get(own.kind, "any smooth statistic")
                made.append(Factor(own.kind, numbers if rows else numbers[0], own.strata, least))
        return made

    def _told(self, made: Estimate, cut: Range) -> Estimate:
        alone = [
            lacking(_LEAST.get(own.kind, "mean"), 1, 1.0, own.kind) for own in self.without if len(own.numbers) < 2
        ]
        low, high = (float(np.clip(end, *cut)) for end in (made.low, made.high))
        lacks = ", ".join(filter(None, (made.lacks, *alone)))
        return replace(made, low=min(low, made.value), high=max(high, made.value), lacks=lacks)


def combined(function: Callable[..., Any], *data: Jackknifed) -> Jackknifed:
    """A function of several numbers, which have the same units."""
    shapes = {tuple((own.kind, len(own.numbers)) for own in each.without) for each in data}
    if len(shapes) > 1:
        raise SemphaseError(f"numbers of trainings with different units do not combine: {sorted(shapes)}")
    without = [
        replace(own[0], numbers=np.asarray(function(*(each.numbers for each in own))))
        for own in zip(*(each.without for each in data), strict=True)
    ]
    return Jackknifed(np.asarray(function(*(each.point for each in data))), tuple(without))


Scale = tuple[Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray], np.ndarray]]
AS_IT_IS: Scale = (np.asarray, np.asarray)
EXPONENTIAL: Scale = (np.exp, np.log)


def per_token(
    sums: Float[np.ndarray, "*cell seed document"],
    predicted: Real[np.ndarray, "*cell seed document"],
    scale: Scale = AS_IT_IS,
) -> Jackknifed:
    """Sum over documents divided by predicted tokens, averaged over seeds on a scale, given with the way back.

    Of negative log likelihoods in nats this is log PPL, whose mean over seeds is the log of the geometric mean, and on
    the exponential scale that of the arithmetic one; of right predictions it is the accuracy.
    """
    if sums.shape[-1] < 2:
        raise SemphaseError("an interval over documents needs at least two of them; give a longer --corpus.")
    total, count = sums.sum(axis=-1, keepdims=True), predicted.sum(axis=-1, keepdims=True)
    to, back = scale
    return of_seeds(to((total / count)[..., 0]), to((total - sums) / (count - predicted))).of(back)


def of_seeds(values: Float[np.ndarray, "*cell seed"], without: Float[np.ndarray, "*cell seed document"]) -> Jackknifed:
    """The mean over seeds of numbers that are given without each document, or each group of documents, too."""
    return Jackknifed(
        values.mean(axis=-1),
        (Without("documents", np.moveaxis(without.mean(axis=-2), -1, 0)), Without("seeds", without_each(values))),
    )


def of_seeds_alone(values: Float[np.ndarray, "*cell seed"]) -> Jackknifed:
    """The mean over seeds of numbers that are known for their documents together."""
    return Jackknifed(values.mean(axis=-1), (Without("seeds", without_each(values)),))


def without_each(values: Float[np.ndarray, "*cell seed"]) -> Float[np.ndarray, seed * cell]:
    """The means over all seeds but one; of a single seed, itself."""
    if (count := values.shape[-1]) == 1:
        return np.moveaxis(values, -1, 0)
    return np.moveaxis((values.sum(axis=-1, keepdims=True) - values) / (count - 1), -1, 0)


def in_groups(values: Real[np.ndarray, "*any document"], groups: int) -> Real[np.ndarray, "*any group"]:
    """Sums over contiguous groups of documents, those that ranks are measured without."""
    count = values.shape[-1]
    edges = [round(count * i / groups) for i in range(groups + 1)]
    return np.stack([values[..., a:b].sum(axis=-1) for a, b in pairwise(edges)], axis=-1)


def iterations_needed(converged: Float[np.ndarray, "iteration document"], share: float, fewest: int) -> float:
    """After how many iterations a share of the tokens has converged, for good or for `fewest` at least.

    The share is taken to rise evenly within an iteration, so that the number is none of whole ones. Documents are of one
    length. One more than was run where the share is never reached, the least it can be.
    """
    shares = np.concatenate([[0.0], converged.mean(axis=1)])
    reached: Bool[np.ndarray, " iteration"] = shares[1:] >= share - 1e-12
    late = np.flatnonzero(reached[fewest - 1 :])
    if not late.size:
        return float(len(converged) + 1)
    at = fewest - 1 + int(late[0])
    while at and reached[at - 1]:
        at -= 1
    before, after = shares[at], shares[at + 1]
    return at + float((share - before) / (after - before)) if after > share else at + 1.0


def seeds_together(measured: Sequence[Float[np.ndarray, "*cell _"]]) -> Float[np.ndarray, "*cell seed"]:
    """Numbers of trainings that differ in their seeds, one behind the other."""
    return np.concatenate(list(measured), axis=-1)
