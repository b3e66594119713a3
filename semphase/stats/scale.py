"""The scale on which the errors of a statistic are nearest to normal: the one that its range suggests."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from semphase.errors import SemphaseError

Numbers = Float[np.ndarray, "*any"] | np.floating[Any]


@dataclass(frozen=True, slots=True)
class Scale:
    """A statistic that lies strictly between two numbers, on a line without ends.

    Its logarithm above a bound (ratios, widths, standard deviations), its log odds between two (Fisher's z for
    correlations, but for the factor ½), itself where it has none.
    """

    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        """SemphaseError for a range that holds no number."""
        if not self.low < self.high:
            raise SemphaseError(f"a statistic cannot lie between {self.low} and {self.high}; give the lower end first.")

    def to(self, value: Numbers | float) -> Numbers:
        """On the working scale; infinite at an end of the range, nan outside of it."""
        value = np.asarray(value, dtype=np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            above = np.log(value - self.low) if math.isfinite(self.low) else None
            under = np.log(self.high - value) if math.isfinite(self.high) else None
        if above is None:
            return value if under is None else -under
        return above if under is None else above - under

    def back(self, value: Numbers | float) -> Numbers:
        """From the working scale."""
        value = np.asarray(value, dtype=np.float64)
        with np.errstate(over="ignore"):
            if math.isinf(self.low):
                return value if math.isinf(self.high) else self.high - np.exp(-value)
            if math.isinf(self.high):
                return self.low + np.exp(value)
            return self.low + (self.high - self.low) / (1 + np.exp(-value))

    def slope(self, value: Numbers | float) -> Numbers:
        """By how much a number moves for each unit of the working scale."""
        value = np.asarray(value, dtype=np.float64)
        if math.isinf(self.low):
            return np.ones_like(value) if math.isinf(self.high) else self.high - value
        if math.isinf(self.high):
            return value - self.low
        return (value - self.low) * (self.high - value) / (self.high - self.low)


UNBOUNDED, POSITIVE, CORRELATION = Scale(), Scale(low=0.0), Scale(-1.0, 1.0)
