"""Interval arithmetic on arrays: how far the rounding of printed figures can move what follows from them.

Each operation returns bounds that hold every result of numbers inside the operands' bounds (Moore 1966), so what the
bounds exclude no rounding can bring about. The rounding of floats, 1e-16 against the 1e-4 of printed figures, is left
out. The `value` beside the bounds is the result of the figures as they are printed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from semphase.errors import Undefined
from semphase.stats.estimate import ROUNDING, Estimate

METHOD = "interval arithmetic over the rounding of the published figures"
CERTAIN = 1.0
"""The level of such an interval: nothing is sampled, so it holds the number for sure."""

Array = Float[np.ndarray, "*shape"]


@dataclass(frozen=True, slots=True)
class Interval:
    """Numbers [shape] known to lie between `low` and `high`, arrays of the same shape."""

    value: Array
    low: Array
    high: Array

    # An array on the left leaves the operation to the interval on the right.
    __array_ufunc__: ClassVar[None] = None

    def __getitem__(self, index: Any) -> Interval:
        return self.map(lambda array: array[index])

    def __len__(self) -> int:
        return len(self.value)

    def __neg__(self) -> Interval:
        return Interval(-self.value, -self.high, -self.low)

    def __add__(self, other: Interval | Array | float) -> Interval:
        by = interval(other)
        return Interval(self.value + by.value, self.low + by.low, self.high + by.high)

    def __sub__(self, other: Interval | Array | float) -> Interval:
        return self + -interval(other)

    def __mul__(self, other: Interval | Array | float) -> Interval:
        by = interval(other)
        corners = np.stack([self.low * by.low, self.low * by.high, self.high * by.low, self.high * by.high])
        return Interval(self.value * by.value, corners.min(axis=0), corners.max(axis=0))

    def __truediv__(self, other: Interval | Array | float) -> Interval:
        by = interval(other)
        if np.any((by.low <= 0) & (by.high >= 0)):
            raise Undefined("a quotient of rounded figures has a divisor that may be 0: print it with more digits.")
        return self * Interval(1 / by.value, 1 / by.high, 1 / by.low)

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other: Array | float) -> Interval:
        return interval(other) - self

    def __rtruediv__(self, other: Array | float) -> Interval:
        return interval(other) / self

    def map(self, rising: Callable[[Array], Array]) -> Interval:
        """A function that nowhere falls, such as a logarithm, of every number."""
        return Interval(*(np.asarray(rising(part)) for part in (self.value, self.low, self.high)))

    def magnitude(self) -> Interval:
        """Absolute values."""
        low, high = np.abs(self.low), np.abs(self.high)
        around = (self.low <= 0) & (self.high >= 0)
        return Interval(np.abs(self.value), np.where(around, 0.0, np.minimum(low, high)), np.maximum(low, high))

    def squares(self) -> Interval:
        """Squares; tighter than the product with itself, since both factors are the same number."""
        return self.magnitude().map(np.square)

    def sum(self) -> Interval:
        """The sum over the last axis."""
        return self.map(lambda array: array.sum(axis=-1))

    def mean(self) -> Interval:
        """The mean over the last axis."""
        return self.map(lambda array: array.mean(axis=-1))

    def lowest(self) -> Interval:
        """The least over the last axis."""
        return self.map(lambda array: array.min(axis=-1))

    def highest(self) -> Interval:
        """The greatest over the last axis."""
        return self.map(lambda array: array.max(axis=-1))

    def estimate(self, n: int, unit: str = "") -> Estimate:
        """A single number as an estimate from `n` figures."""
        return Estimate(float(self.value), float(self.low), float(self.high), METHOD, n, unit, CERTAIN, ROUNDING, (n,))


def interval(given: Interval | Array | float) -> Interval:
    """Exact numbers as an interval without width; an interval stays what it is."""
    if isinstance(given, Interval):
        return given
    array = np.asarray(given, dtype=float)
    return Interval(array, array, array)


def around(value: Array | float, half: Array | float) -> Interval:
    """All numbers that are printed as `value`, `half` being half a unit of its last digit."""
    value, half = np.asarray(value, dtype=float), np.asarray(half, dtype=float)
    return Interval(value, value - half, value + half)


def weigh(weights: Float[np.ndarray, "*rows figure"], figures: Interval) -> Interval:
    """Sums of figures [figure] with exact weights; tighter than products and sums one after another."""
    positive, negative = np.maximum(weights, 0), np.minimum(weights, 0)
    return Interval(
        weights @ figures.value,
        positive @ figures.low + negative @ figures.high,
        positive @ figures.high + negative @ figures.low,
    )


def stack(parts: Sequence[Interval]) -> Interval:
    """Several intervals of one shape as one with a leading axis."""
    return Interval(*(np.stack([getattr(part, name) for part in parts]) for name in ("value", "low", "high")))


def explained(residuals: Interval, deviations: Interval) -> Interval:
    """Share of variance explained, 1 − Σ residual² / Σ deviation² over the last axis."""
    return 1 - residuals.squares().sum() / deviations.squares().sum()


def from_mean(figures: Interval) -> Interval:
    """Deviations of figures [figure] from their mean."""
    count = len(figures)
    return weigh(np.eye(count) - 1 / count, figures)
