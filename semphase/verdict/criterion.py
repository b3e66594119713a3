"""A criterion: the registered comparison of an estimate with a threshold."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal, SupportsFloat

from semphase.errors import SemphaseError

Comparison = Literal[">", ">=", "<", "<=", "between", "p<", "not-rejected"]
REAL_LINE = (-math.inf, math.inf)
_ORDER: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


@dataclass(frozen=True, slots=True)
class Criterion:
    """One part of a claim's registered rule; build it with `above`, `below`, `between`, `significant`, …

    `threshold` is in the estimate's unit; a pair for `between`. `alpha` is the level of the test for `p<`
    and `not-rejected`. `within` is the range of the statistic that is judged, both ends included (a correlation: −1 to 1).
    """

    comparison: Comparison
    threshold: float | tuple[float, float]
    part: str = "estimate"
    alpha: float | None = None
    within: tuple[float, float] = field(default=REAL_LINE, repr=False)

    def __post_init__(self) -> None:
        """SemphaseError for a rule that nothing, or everything, could meet."""
        bounds = self.threshold if isinstance(self.threshold, tuple) else (self.threshold,)
        if not isinstance(self.part, str) or not self.part.strip() or len(self.part.splitlines()) > 1:
            raise SemphaseError(
                f"a criterion has {self.part!r} for its part; name what is compared in a line of words."
            )
        if not all(map(math.isfinite, bounds)) or sorted(bounds) != list(bounds):
            raise SemphaseError(
                f"the criterion on {self.part!r} compares with {self.threshold}; give finite numbers, the lower first."
            )
        if self.alpha is not None and not 0 < self.alpha < 1:
            raise SemphaseError(f"the criterion on {self.part!r} tests at {self.alpha}; a level lies between 0 and 1.")
        self._require_two_ways()

    def _require_two_ways(self) -> None:
        """SemphaseError unless some value of the statistic's range meets the rule and some other misses it."""
        least, most = self.within
        if not least < most:
            raise SemphaseError(
                f"the criterion on {self.part!r} has the range {self.within}; give the lower end first."
            )
        low, high = self.bounds
        # An end of the range is one value: no sample says that the quantity lies there, or does not.
        if self.comparison == "between":
            two_ways = low < high and max(least, low) < min(most, high) and not low <= least <= most <= high
        elif self.comparison == "p<" and self.within == REAL_LINE:
            two_ways = True
        else:
            two_ways = least < low < most
        if not two_ways:
            raise SemphaseError(
                f"the criterion {str(self)!r} can come out one way only, for its statistic lies between {least:g} and "
                f"{most:g}; give a rule that some of its values meet and others miss, or another range."
            )

    def met_by(self, value: float) -> bool:
        """Does the bare value meet the comparison?"""
        if self.comparison in _ORDER:
            assert isinstance(self.threshold, float)
            return _ORDER[self.comparison](value, self.threshold)
        low, high = self.bounds
        return low <= value <= high

    def margin(self, value: float) -> float:
        """The signed distance to the threshold, above 0 where the value meets it; to the nearer of two ends."""
        return self._signed(value)[0]

    def direction(self, value: float) -> int:
        """1 where a larger value has a larger margin, else −1."""
        return self._signed(value)[1]

    def _signed(self, value: float) -> tuple[float, int]:
        low, high = self.bounds
        if self.comparison == "between":
            return min((value - low, 1), (high - value, -1))
        if self.comparison == "not-rejected":
            return -abs(value - low), -1 if value >= low else 1
        return (low - value, -1) if self.comparison in ("<", "<=") else (value - low, 1)

    def gap(self, value: float) -> float:
        """How far the bare value is from meeting the comparison, in its unit; 0 where it does."""
        if self.met_by(value):
            return 0.0
        low, high = self.bounds
        return min(abs(value - low), abs(value - high))

    @property
    def bounds(self) -> tuple[float, float]:
        """Both ends of the range of `between`; else the threshold, and infinity."""
        if isinstance(self.threshold, tuple):
            return self.threshold
        return self.threshold, float("inf")

    def __str__(self) -> str:
        if self.comparison == "p<":
            return f"{self.part}: p < {self.alpha:g}" + (f", not below {self.threshold:g}" if self.threshold else "")
        if self.comparison == "not-rejected":
            return f"{self.part} = {self.threshold:g} not rejected at {self.alpha:g}"
        if isinstance(self.threshold, tuple):
            return f"{self.threshold[0]:g} <= {self.part} <= {self.threshold[1]:g}"
        return f"{self.part} {self.comparison} {self.threshold:g}"


def _number(given: object) -> float:
    if isinstance(given, SupportsFloat) and not isinstance(given, bool):
        with suppress(TypeError, ValueError):
            return float(given)
    raise SemphaseError(f"a criterion compares with {given!r}; give a number.")


def _range(given: object) -> tuple[float, float]:
    if not isinstance(given, Sequence) or len(given) != 2:
        raise SemphaseError(f"a criterion takes within=(low, high), the range of its statistic, and got {given!r}.")
    return _number(given[0]), _number(given[1])


def above(threshold: float, part: str = "estimate", *, within: tuple[float, float] = REAL_LINE) -> Criterion:
    """The estimate, which lies `within` a range, exceeds the threshold."""
    return Criterion(">", _number(threshold), part, within=_range(within))


def at_least(threshold: float, part: str = "estimate", *, within: tuple[float, float] = REAL_LINE) -> Criterion:
    """The estimate reaches the threshold."""
    return Criterion(">=", _number(threshold), part, within=_range(within))


def below(threshold: float, part: str = "estimate", *, within: tuple[float, float] = REAL_LINE) -> Criterion:
    """The estimate stays under the threshold."""
    return Criterion("<", _number(threshold), part, within=_range(within))


def at_most(threshold: float, part: str = "estimate", *, within: tuple[float, float] = REAL_LINE) -> Criterion:
    """The estimate does not exceed the threshold."""
    return Criterion("<=", _number(threshold), part, within=_range(within))


def between(low: float, high: float, part: str = "estimate", *, within: tuple[float, float] = REAL_LINE) -> Criterion:
    """The estimate lies in the closed range."""
    return Criterion("between", (_number(low), _number(high)), part, within=_range(within))


def significant(
    alpha: float = 0.05,
    part: str = "estimate",
    *,
    negligible: float = 0.0,
    within: tuple[float, float] = REAL_LINE,
) -> Criterion:
    """A test of a positive effect rejects at `alpha`; the estimate is the effect, and refutes below `negligible`.

    An effect that cannot be negative needs one above 0, for nothing lies below 0 then.
    """
    return Criterion("p<", _number(negligible), part, _number(alpha), _range(within))


def not_rejected(
    value: float, alpha: float = 0.05, part: str = "estimate", *, within: tuple[float, float] = REAL_LINE
) -> Criterion:
    """A test of `estimate = value` does not reject at `alpha`; support needs equivalence as well."""
    return Criterion("not-rejected", _number(value), part, _number(alpha), _range(within))
