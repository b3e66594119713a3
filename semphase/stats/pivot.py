"""The one interval rule for smooth statistics: Student's t of their linear part, corrected for its skewness.

A statistic is, up to what is small, its value and the mean of one deviation for each unit (its influence, measured by
leaving the unit out: Tukey's pseudo-values, 1958). The t of such a mean is skewed where the deviations are; Hall's
transformation (1992, "On the Removal of Skewness by Transformation", Journal of the Royal Statistical Society B 54,
221) makes it symmetric. No end is nearer to the value than Student's own. Everything is in closed form, so that an
interval, any one-sided bound and its p-value agree with each other and depend on no seed. How often such intervals hold
is measured: see docs/calibration.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from jaxtyping import Float

from semphase.stats.level import TAIL
from semphase.stats.scale import UNBOUNDED, Scale

_LEAST_SKEWNESS = 1e-6
_LEAST_FREEDOM = 0.5

Rows = Float[np.ndarray, "*row"] | np.floating[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Pivot:
    """Statistics on a working scale, [*row], each with its standard error, degrees of freedom and skewness.

    The skewness is that of the statistic itself, not of its units: third cumulant over error³.
    """

    value: Rows
    error: Rows
    freedom: Rows
    skewness: Rows
    scale: Scale = UNBOUNDED

    def low(self, tail: float = TAIL) -> Rows:
        """One-sided lower bounds, each missed in a share `tail` of worlds."""
        return self.scale.back(self.value - self._reach(tail, 1) * self.error)

    def high(self, tail: float = TAIL) -> Rows:
        """One-sided upper bounds."""
        return self.scale.back(self.value + self._reach(tail, -1) * self.error)

    def p_above(self, bound: float) -> Rows:
        """p of the hypothesis that the quantity is at most `bound`; small where it seems to lie above."""
        return self._p(self._distance(bound), 1)

    def p_below(self, bound: float) -> Rows:
        """p of the hypothesis that the quantity is at least `bound`."""
        return self._p(-self._distance(bound), -1)

    def _distance(self, bound: float) -> Rows:
        """From the bound to the value, in standard errors; infinite for a bound at an end of the range or beyond."""
        if bound <= self.scale.low or bound >= self.scale.high:
            return np.full_like(self.value, math.inf if bound <= self.scale.low else -math.inf)
        return (self.value - self.scale.to(bound)) / self.error

    def _reach(self, tail: float, side: int) -> Rows:
        """How many standard errors a bound is away on one side, where `side` is 1 below the value and −1 above."""
        student = scipy.stats.t.isf(tail, self.freedom)
        return np.maximum(student, _inverse(student, side * self.skewness))

    def _p(self, t: Rows, side: int) -> Rows:
        finite = np.where(np.isinf(t), 0.0, t)
        corrected = np.where(np.isinf(t), t, _symmetric(finite, side * self.skewness))
        return scipy.stats.t.sf(np.minimum(t, corrected), self.freedom)


def pivot(
    value: Rows | float,
    *factors: Float[np.ndarray, "*row _"],
    scale: Scale = UNBOUNDED,
    effective: float = math.inf,
) -> Pivot:
    """The pivot of statistics [*row], given in their own unit, with the deviations of their units on the working scale.

    A factor holds the deviations of one kind of units, or of one stratum; factors are independent and their variances
    add up. The mean of a factor's deviations is of no account. Degrees of freedom after Welch (1947) and Satterthwaite,
    at most one fewer than an `effective` number of units of one weight.
    """
    moments = [_moments(own) for own in factors]
    variance = np.sum([own for own, _, _ in moments], axis=0)
    third = np.sum([own for _, own, _ in moments], axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = variance**2 / np.sum([own**2 / free for own, _, free in moments], axis=0)
        skewness = np.where(variance > 0, third / variance**1.5, 0.0)
    least = min(free for _, _, free in moments)
    freedom = np.minimum(np.where(np.isfinite(freedom), freedom, least), max(effective - 1, _LEAST_FREEDOM))
    return Pivot(scale.to(value), np.sqrt(variance), freedom, skewness, scale)


def _moments(deviations: Float[np.ndarray, "*row unit"]) -> tuple[Rows, Rows, int]:
    """Variance and third cumulant of the mean of the deviations, without bias, and the variance's degrees of freedom."""
    n = deviations.shape[-1]
    centred = deviations - deviations.mean(axis=-1, keepdims=True)
    variance = (centred**2).sum(axis=-1) / (n * (n - 1))
    third = (centred**3).sum(axis=-1) / (n * (n - 1) * (n - 2)) if n > 2 else np.zeros_like(variance)
    return variance, third, n - 1


def _symmetric(t: Rows, skewness: Rows) -> Rows:
    """Hall's cubic transformation of a t whose numerator has this skewness."""
    a = skewness / 3
    return t + a * t**2 + a**2 * t**3 / 3 + skewness / 6


def _inverse(x: Rows, skewness: Rows) -> Rows:
    """The t that `_symmetric` maps to x."""
    safe = np.where(np.abs(skewness) < _LEAST_SKEWNESS, _LEAST_SKEWNESS, skewness)
    a = safe / 3
    return (np.cbrt(1 + 3 * a * (x - safe / 6)) - 1) / a
