"""Spearman's correlation of estimated numbers with a known order, such as a layer's norm with its depth.

Ranks move in steps, so leaving units out tells little of them. Their differences do: each pair of rows is in order, out
of order, or undecided by the bounds of its difference, at a level that all pairs share (Bonferroni). Spearman's ρ is a
sum over pairs (a pair out of order takes away the distance of its two places), so its lower bound takes every undecided
pair for out of order, its upper one for in order. (Some such sets of pairs make no order: the bounds are safe, and a
little wide.)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy
from jaxtyping import Bool, Float, Real

from semphase.errors import Undefined
from semphase.stats.estimate import Estimate
from semphase.stats.left_out import Factor
from semphase.stats.level import TAIL
from semphase.stats.pivot import Pivot, pivot
from semphase.stats.sampling import Sampling

Bounds = tuple[Float[np.ndarray, " curve"], Float[np.ndarray, " curve"]]
SPEARMAN = "Spearman's correlation"
_ROUNDING = 64 * np.finfo(np.float64).eps


def spearman(
    values: Float[np.ndarray, " row"],
    order: Real[np.ndarray, " row"],
    *factors: Factor,
    what: str = SPEARMAN,
    unit: str = "",
) -> Estimate:
    """Spearman's correlation of values with an order that is known; factors hold the values without each unit.

    Undefined for fewer than two rows, for numbers that are not finite, and where values or order are all the same.
    """
    whole = [replace(factor, without=factor.without[None]) for factor in factors]
    return _smallest(np.asarray(values, dtype=float)[None], order, whole, what, unit)


def smallest_spearman(
    curves: Float[np.ndarray, "curve row"],
    order: Real[np.ndarray, " row"],
    *factors: Factor,
    what: str = f"smallest {SPEARMAN}",
    unit: str = "",
) -> Estimate:
    """The smallest of the correlations of several curves, for rules that every one must meet from above.

    Each has bounds of its own: the smallest lower one at 97.5 %, the smallest upper one at 1 − 2.5 %/curves. Factors
    hold the curves without each unit, [curve, row, unit].
    """
    return _smallest(np.asarray(curves, dtype=float), order, factors, what, unit)


def spearman_bounds(
    values: Float[np.ndarray, "curve row"], order: Real[np.ndarray, " row"], *factors: Factor
) -> Callable[[float], Bounds]:
    """One-sided bounds of each curve's correlation, as a function of the share of worlds in which each is missed."""
    pairs = _Pairs.of(np.asarray(values, dtype=float), np.asarray(order, dtype=float), factors)
    return pairs.bounds


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """Differences of rows [curve, pair], the later in the order less the earlier, and what a pair out of order costs.

    `known` says which pairs have a spread; `step` is the smallest by which a correlation can move.
    """

    made: Pivot
    known: Bool[np.ndarray, "curve pair"]
    cost: Float[np.ndarray, " pair"]
    step: float

    @classmethod
    def of(cls, values: np.ndarray, order: np.ndarray, factors: Sequence[Factor]) -> _Pairs:
        rows = len(order)
        first, second = np.triu_indices(rows, k=1)
        later = np.where(order[second] >= order[first], second, first)
        earlier = first + second - later
        made = pivot(
            values[:, later] - values[:, earlier],
            *((part.shape[-1] - 1) * (part.mean(axis=-1, keepdims=True) - part)
              for factor in factors for whole in factor.parts()
              for part in [whole[:, later] - whole[:, earlier]]),
        )  # fmt: skip
        places = scipy.stats.rankdata(order)
        apart = places[later] - places[earlier]
        cost = apart / math.sqrt((rows**3 - rows) / 12 * float(np.sum((places - places.mean()) ** 2)))
        known = np.asarray(made.error > _ROUNDING * np.abs(values).max(axis=-1, keepdims=True))
        return cls(made, known, cost, float(cost[apart > 0].min()))

    def bounds(self, tail: float) -> Bounds:
        """Lower and upper bounds, [curve], no nearer to what is decided than half a step."""
        share = tail / len(self.cost)
        up, down = np.asarray(self.made.low(share)) > 0, np.asarray(self.made.high(share)) < 0
        most, half = self.cost.sum() / 2, self.step / 2
        low = np.where(self.known & up, self.cost, 0.0).sum(axis=-1) - most - half
        high = most - np.where(self.known & down, self.cost, 0.0).sum(axis=-1) + half
        return np.clip(low, -1, 1), np.clip(high, -1, 1)


def _smallest(curves: np.ndarray, order: Any, factors: Sequence[Factor], what: str, unit: str) -> Estimate:
    places = np.asarray(order, dtype=float)
    if not np.isfinite(curves).all() or any(not np.isfinite(factor.without).all() for factor in factors):
        raise Undefined(f"{what} is not defined on these data: not all numbers are finite")
    if len(places) < 2 or np.ptp(places) == 0 or (np.ptp(curves, axis=-1) == 0).any():
        raise Undefined(f"{what} is not defined where one of the two is the same for all")
    value = min(float(scipy.stats.spearmanr(places, curve).statistic) for curve in curves)
    pairs = _Pairs.of(curves, places, factors)
    kinds = " and ".join(f"{factor.n} {factor.kind}" for factor in factors)
    method = f"{what}, orders that agree with the bounds of all {len(pairs.cost)} pairs, each of {kinds} left out"

    def bounds(tail: float) -> tuple[float, float]:
        return float(pairs.bounds(tail)[0].min()), float(pairs.bounds(tail / len(curves))[1].min())

    low, high = bounds(TAIL)
    told = [factor.lacks for factor in factors]
    told += [] if pairs.known.any() else [f"{' and '.join(factor.kind for factor in factors)} that are not all alike"]
    return Estimate(
        value, min(low, value), max(high, value), method, factors[0].n, unit,
        population=tuple(factor.kind for factor in factors), units=tuple(factor.n for factor in factors),
        lacks=", ".join(filter(None, told)), sampling=Sampling.of_bounds(bounds),
    )  # fmt: skip
