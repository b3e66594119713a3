"""The decision on one part of a criterion: its call, and the p-values of both directions."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Literal

from semphase.errors import SemphaseError
from semphase.stats.estimate import Estimate
from semphase.stats.level import TAIL
from semphase.verdict.claim import Combine
from semphase.verdict.criterion import Criterion

Call = Literal["supported", "refuted", "inconclusive"]
Relation = Literal["model only", "both", "control only", "neither", "undecided"]
"""How the verdicts on a model and on its control relate."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """An estimate with what its criterion may need besides: a test's p-value, an equivalence verdict and its p."""

    estimate: Estimate
    p_value: float | None = None
    equivalent: bool | None = None
    p_equivalent: float | None = None

    def __post_init__(self) -> None:
        """SemphaseError for a p-value that is none."""
        if not isinstance(self.estimate, Estimate):
            raise SemphaseError(f"evidence holds an estimate and got {type(self.estimate).__name__}.")
        for p in (self.p_value, self.p_equivalent):
            require_p(p, sampled=self.estimate.sampled)


def require_p(p: object, *, sampled: bool) -> None:
    """SemphaseError for what is no p-value; what is sampled excludes nothing for certain, so its p is above 0."""
    if p is None:
        return
    if isinstance(p, bool) or not isinstance(p, Real) or not 0 <= float(p) <= 1:
        raise SemphaseError(f"a p-value lies between 0 and 1, got {p!r}; a test that gave no number is no evidence.")
    if sampled and p == 0:
        raise SemphaseError("a p-value of 0 is below what any sample can tell; count (r + 1) / (B + 1) of B draws.")


def call_of(criterion: Criterion, evidence: Evidence, combine: Combine = "all", parts: int = 1) -> Call:
    """The call on one of so many parts.

    An estimate that lacks something decides nothing, whatever its value. Of several parts under "all" any one may
    refute, so each does at its share of the level (Bonferroni); under "any" each supports so.
    """
    if evidence.estimate.lacks:
        return "inconclusive"
    supporting, refuting = (parts, 1) if combine == "any" else (1, parts)
    if _supported(criterion, evidence) and _within(
        p_supported(criterion, evidence), criterion, "supported", supporting
    ):
        return "supported"
    if _refuted(criterion, evidence) and _within(p_refuted(criterion, evidence), criterion, "refuted", refuting):
        return "refuted"
    return "inconclusive"


def p_supported(criterion: Criterion, evidence: Evidence) -> float:
    """One-sided p of the hypothesis that the criterion is missed."""
    estimate = evidence.estimate
    if criterion.comparison == "p<":
        return max(_test(criterion, evidence.p_value), estimate.p_above(0.0))
    if criterion.comparison == "not-rejected":
        if evidence.p_equivalent is not None:
            return evidence.p_equivalent
        return TAIL if evidence.equivalent else 1.0
    if not estimate.sampled:
        return 0.0 if _supported(criterion, evidence) else 1.0
    low, high = criterion.bounds
    if criterion.comparison == "between":
        return max(estimate.p_above(low), estimate.p_below(high))
    return estimate.p_above(low) if criterion.comparison in (">", ">=") else estimate.p_below(low)


def p_refuted(criterion: Criterion, evidence: Evidence) -> float:
    """One-sided p of the hypothesis that the criterion is met."""
    estimate = evidence.estimate
    if criterion.comparison == "not-rejected":
        return _test(criterion, evidence.p_value)
    if not estimate.sampled:
        return 0.0 if _refuted(criterion, evidence) else 1.0
    low, high = criterion.bounds
    if criterion.comparison == "between":
        return min(estimate.p_below(low), estimate.p_above(high))
    return estimate.p_above(low) if criterion.comparison in ("<", "<=") else estimate.p_below(low)


def point_of(criterion: Criterion, evidence: Evidence) -> bool:
    """The source's own rule on the bare value."""
    if criterion.comparison in ("p<", "not-rejected"):
        assert criterion.alpha is not None
        rejected = evidence.p_value is not None and evidence.p_value < criterion.alpha
        kept = evidence.p_value is not None and evidence.p_value > criterion.alpha
        return rejected if criterion.comparison == "p<" else kept
    return criterion.met_by(evidence.estimate.value)


def _supported(criterion: Criterion, evidence: Evidence) -> bool:
    estimate = evidence.estimate
    if criterion.comparison == "p<":
        # A permutation test takes units for symmetric: where they are skewed the interval of their mean has the say.
        return _test(criterion, evidence.p_value) < _alpha(criterion) and estimate.low > 0
    if criterion.comparison == "not-rejected":
        if evidence.equivalent is None:
            raise SemphaseError(f"the criterion on {criterion.part!r} needs a p-value and an equivalence test")
        return evidence.equivalent and _test(criterion, evidence.p_value) > _alpha(criterion)
    return criterion.met_by(estimate.low) and criterion.met_by(estimate.high)


def _refuted(criterion: Criterion, evidence: Evidence) -> bool:
    estimate = evidence.estimate
    if criterion.comparison == "p<":
        return estimate.high < criterion.bounds[0]
    if criterion.comparison == "not-rejected":
        return _test(criterion, evidence.p_value) <= _alpha(criterion)
    if criterion.comparison == "between":
        low, high = criterion.bounds
        return estimate.high < low or estimate.low > high
    return not criterion.met_by(estimate.low) and not criterion.met_by(estimate.high)


def _within(p: float, criterion: Criterion, direction: Call, parts: int) -> bool:
    """Is the p small enough for one of so many parts? A single one is decided by its interval or its test alone."""
    tested = {"supported": "p<", "refuted": "not-rejected"}[direction] == criterion.comparison
    return parts == 1 or p * parts <= (_alpha(criterion) if tested else TAIL)


def _test(criterion: Criterion, p_value: float | None) -> float:
    if p_value is None:
        raise SemphaseError(f"the criterion on {criterion.part!r} is a test and needs a p-value")
    return p_value


def _alpha(criterion: Criterion) -> float:
    assert criterion.alpha is not None
    return criterion.alpha
