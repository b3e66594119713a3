"""How an estimate would scatter over other samples: p-values that agree with its interval, and each unit's part in it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from jaxtyping import Float

from semphase.stats.level import LEVEL, TAIL
from semphase.stats.pivot import Pivot

LEAST_P = float(np.finfo(np.float64).tiny)
"""No p is smaller: a sample never excludes anything for certain."""
_FARTHEST = 40.0
Deviations = tuple[Float[np.ndarray, " _"], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Sampling:
    """One-sided p-values of an estimate, and the deviations of its units.

    `above(bound)` is the p of the hypothesis that the quantity is at most `bound`, `below(bound)` that it is at least
    `bound`. `deviations` has one array for each kind of units or stratum, in the estimate's unit: the estimate is, up
    to what is small, the quantity and the sum of their means; empty where that makes no sense.
    """

    above: Callable[[float], float]
    below: Callable[[float], float]
    deviations: Deviations = ()

    def p_above(self, bound: float) -> float:
        """p that the quantity is at most the bound, never 0."""
        return min(1.0, max(LEAST_P, float(self.above(bound))))

    def p_below(self, bound: float) -> float:
        """p that the quantity is at least the bound, never 0."""
        return min(1.0, max(LEAST_P, float(self.below(bound))))

    def mirrored(self) -> Sampling:
        """That of the quantity with its sign changed."""
        above, below = self.above, self.below
        return Sampling(
            lambda bound: below(-bound), lambda bound: above(-bound), tuple(-own for own in self.deviations)
        )

    @staticmethod
    def of_pivot(made: Pivot, *factors: Float[np.ndarray, " _"]) -> Sampling:
        """Of a single statistic, with the deviations on its working scale that the pivot was made of."""
        own = float(made.scale.slope(made.scale.back(made.value)))
        return Sampling(
            lambda bound: float(made.p_above(bound)),
            lambda bound: float(made.p_below(bound)),
            tuple(own * (factor - factor.mean()) for factor in factors),
        )

    @staticmethod
    def of_bounds(bounds: Callable[[float], tuple[float, float]], deviations: Deviations = ()) -> Sampling:
        """Of an interval rule: `bounds(tail)` are one-sided ends, each missed in a share `tail` of worlds.

        The p at a bound is the tail whose end lies there.
        """

        def reached(end: Callable[[float], float]) -> float:
            # end(log tail) falls from positive to negative as the tail grows; at no tail at all everything is kept.
            if end(math.log(0.5)) < 0 <= end(-_FARTHEST):
                return math.exp(scipy.optimize.brentq(end, -_FARTHEST, math.log(0.5), xtol=1e-6))
            return 1.0 if end(math.log(0.5)) >= 0 else math.exp(-_FARTHEST)

        return Sampling(
            lambda bound: reached(lambda tail: _finite(bound - bounds(math.exp(tail))[0])),
            lambda bound: reached(lambda tail: _finite(bounds(math.exp(tail))[1] - bound)),
            deviations,
        )

    @staticmethod
    def of_ends(value: float, low: float, high: float) -> Sampling:
        """Of an interval at 95 % of which no more is known: each side is taken for that of a normal distribution."""
        z = float(scipy.stats.norm.isf(TAIL))

        def p(distance: float, side: float) -> float:
            if side <= 0 or distance == 0:
                return 0.5 if distance == 0 else (LEAST_P if distance > 0 else 1.0)
            return float(scipy.stats.norm.sf(z * distance / side)) if math.isfinite(side) else 0.5

        return Sampling(lambda bound: p(value - bound, value - low), lambda bound: p(bound - value, high - value))


def error_of(deviations: Sequence[Float[np.ndarray, " _"]]) -> tuple[float, float]:
    """Standard error of the sum of the means of independent deviations, and its degrees of freedom (Welch 1947)."""
    kept = [own for own in deviations if len(own) > 1]
    variances = np.array([own.var(ddof=1) / len(own) for own in kept])
    total = float(variances.sum())
    if total == 0:
        return 0.0, math.inf
    freedom = total**2 / float(np.sum(variances**2 / np.array([len(own) - 1 for own in kept])))
    return math.sqrt(total), freedom


def half_width(low: float, high: float) -> float:
    """The standard error that an interval at 95 % of which no more is known amounts to."""
    return (high - low) / 2 / float(scipy.stats.norm.isf((1 - LEVEL) / 2))


def _finite(value: float) -> float:
    return float(np.nan_to_num(value, nan=0.0, posinf=1e300, neginf=-1e300))
