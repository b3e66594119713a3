"""A criterion: the registered comparison of an estimate with a threshold."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, SupportsFloat

from semphase.errors import SemphaseError
from semphase.stats.estimate import Estimate

Call = Literal["supported", "refuted", "inconclusive"]
Comparison = Literal[">", ">=", "<", "<=", "between", "p<", "not-rejected"]
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
    and `not-rejected`.
    """

    comparison: Comparison
    threshold: float | tuple[float, float]
    part: str = "estimate"
    alpha: float | None = None

    def __post_init__(self) -> None:
        """SemphaseError for a rule that nothing, or everything, could meet."""
        bounds = self.threshold if isinstance(self.threshold, tuple) else (self.threshold,)
        if not isinstance(self.part, str) or not self.part:
            raise SemphaseError(f"a criterion has {self.part!r} for its part; name what is compared in words.")
        if not all(map(math.isfinite, bounds)) or sorted(bounds) != list(bounds):
            raise SemphaseError(
                f"the criterion on {self.part!r} compares with {self.threshold}; give finite numbers, the lower first."
            )
        if self.alpha is not None and not 0 < self.alpha < 1:
            raise SemphaseError(f"the criterion on {self.part!r} tests at {self.alpha}; a level lies between 0 and 1.")

    def met_by(self, value: float) -> bool:
        """Does the bare value meet the comparison?"""
        if self.comparison in _ORDER:
            assert isinstance(self.threshold, float)
            return _ORDER[self.comparison](value, self.threshold)
        low, high = self._bounds()
        return low <= value <= high

    def gap(self, value: float) -> float:
        """How far the bare value is from meeting the comparison, in its unit; 0 where it does."""
        if self.met_by(value):
            return 0.0
        low, high = self._bounds()
        return min(abs(value - low), abs(value - high))

    def _bounds(self) -> tuple[float, float]:
        if isinstance(self.threshold, tuple):
            return self.threshold
        return self.threshold, float("inf")

    def call(self, estimate: Estimate, p_value: float | None, equivalent: bool | None) -> Call:
        """The verdict on this part; `p_value` is needed by tests, `equivalent` by `not-rejected`.

        An estimate that lacks something decides nothing, whatever its value.
        """
        if estimate.lacks:
            return "inconclusive"
        if self.comparison == "p<":
            return self._call_test(estimate, p_value)
        if self.comparison == "not-rejected":
            return self._call_non_rejection(p_value, equivalent)
        if self.comparison == "between":
            return self._call_range(estimate)
        ends = (self.met_by(estimate.low), self.met_by(estimate.high))
        return "supported" if all(ends) else "inconclusive" if any(ends) else "refuted"

    def _call_range(self, estimate: Estimate) -> Call:
        low, high = self._bounds()
        if low <= estimate.low and estimate.high <= high:
            return "supported"
        return "refuted" if estimate.high < low or estimate.low > high else "inconclusive"

    def _call_test(self, estimate: Estimate, p_value: float | None) -> Call:
        assert self.alpha is not None
        if p_value is None:
            raise SemphaseError(f"the criterion on {self.part!r} is a test and needs a p-value")
        if p_value < self.alpha:
            return "supported"
        return "refuted" if estimate.high < 0 else "inconclusive"

    def _call_non_rejection(self, p_value: float | None, equivalent: bool | None) -> Call:
        assert self.alpha is not None
        if p_value is None or equivalent is None:
            raise SemphaseError(f"the criterion on {self.part!r} needs a p-value and an equivalence test")
        if p_value <= self.alpha:
            return "refuted"
        return "supported" if equivalent else "inconclusive"

    def point(self, estimate: Estimate, p_value: float | None) -> bool:
        """The source's own rule on the bare value."""
        if self.comparison == "p<":
            return p_value is not None and self.alpha is not None and p_value < self.alpha
        if self.comparison == "not-rejected":
            return p_value is not None and self.alpha is not None and p_value > self.alpha
        return self.met_by(estimate.value)

    def __str__(self) -> str:
        if self.comparison == "p<":
            return f"{self.part}: p < {self.alpha:g}"
        if self.comparison == "not-rejected":
            return f"{self.part} = {self.threshold:g} not rejected at {self.alpha:g}"
        if isinstance(self.threshold, tuple):
            return f"{self.threshold[0]:g} <= {self.part} <= {self.threshold[1]:g}"
        return f"{self.part} {self.comparison} {self.threshold:g}"


def _number(given: object) -> float:
    if isinstance(given, bool) or not isinstance(given, SupportsFloat):
        raise SemphaseError(f"a criterion compares with {given!r}; give a number.")
    return float(given)


def above(threshold: float, part: str = "estimate") -> Criterion:
    """The estimate exceeds the threshold."""
    return Criterion(">", _number(threshold), part)


def at_least(threshold: float, part: str = "estimate") -> Criterion:
    """The estimate reaches the threshold."""
    return Criterion(">=", _number(threshold), part)


def below(threshold: float, part: str = "estimate") -> Criterion:
    """The estimate stays under the threshold."""
    return Criterion("<", _number(threshold), part)


def at_most(threshold: float, part: str = "estimate") -> Criterion:
    """The estimate does not exceed the threshold."""
    return Criterion("<=", _number(threshold), part)


def between(low: float, high: float, part: str = "estimate") -> Criterion:
    """The estimate lies in the closed range."""
    return Criterion("between", (_number(low), _number(high)), part)


def significant(alpha: float = 0.05, part: str = "estimate") -> Criterion:
    """A test of a positive effect rejects at `alpha`; the estimate is the effect, compared with 0."""
    return Criterion("p<", 0.0, part, alpha)


def not_rejected(value: float, alpha: float = 0.05, part: str = "estimate") -> Criterion:
    """A test of `estimate = value` does not reject at `alpha`; support needs equivalence as well."""
    return Criterion("not-rejected", float(value), part, alpha)
