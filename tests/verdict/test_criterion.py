"""Criteria: the rule of the whole interval, checked against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semphase.errors import SemphaseError
from semphase.stats.estimate import Estimate
from semphase.verdict import (
    Criterion,
    Evidence,
    above,
    at_least,
    at_most,
    below,
    between,
    not_rejected,
    significant,
)
from semphase.verdict.decision import Call, call_of, p_refuted, p_supported, point_of

NUMBERS = st.floats(-10, 10)
ESTIMATES = st.tuples(NUMBERS, NUMBERS, NUMBERS).map(sorted).map(lambda x: Estimate(x[1], x[0], x[2], "t", 9))
DISTINCT = ESTIMATES.filter(lambda own: own.low < own.value < own.high)
SIMPLE = st.one_of(
    st.builds(above, NUMBERS),
    st.builds(at_least, NUMBERS),
    st.builds(below, NUMBERS),
    st.builds(at_most, NUMBERS),
    st.tuples(NUMBERS, NUMBERS).map(sorted).filter(lambda x: x[0] < x[1]).map(lambda x: between(*x)),
)
FRACTIONS = st.floats(0, 1, exclude_min=True)


def call(criterion: Criterion, estimate: Estimate, p_value: float | None = None, equal: bool | None = None) -> Call:
    return call_of(criterion, Evidence(estimate, p_value, equal))


def point(criterion: Criterion, estimate: Estimate, p_value: float | None = None) -> bool:
    return point_of(criterion, Evidence(estimate, p_value))


@given(SIMPLE, ESTIMATES)
def test_a_verdict_speaks_of_the_whole_interval(criterion: Criterion, estimate: Estimate) -> None:
    met = [criterion.met_by(end) for end in (estimate.low, estimate.value, estimate.high)]
    found = call(criterion, estimate)
    if found == "supported":
        assert all(met)
    elif found == "refuted":
        assert not any(met)
    assert point(criterion, estimate) == met[1]


@given(SIMPLE, ESTIMATES, FRACTIONS)
def test_any_point_of_the_interval_agrees_with_a_decided_verdict(
    criterion: Criterion, estimate: Estimate, share: float
) -> None:
    inner = min(max(estimate.low + share * (estimate.high - estimate.low), estimate.low), estimate.high)
    found = call(criterion, estimate)
    if found != "inconclusive":
        assert criterion.met_by(inner) == (found == "supported")


@given(SIMPLE, ESTIMATES)
def test_a_wider_interval_never_decides_otherwise(criterion: Criterion, estimate: Estimate) -> None:
    wider = Estimate(estimate.value, estimate.low - 1, estimate.high + 1, "t", 9)
    narrow, wide = call(criterion, estimate), call(criterion, wider)
    assert wide in (narrow, "inconclusive")


@given(SIMPLE, NUMBERS)
def test_an_interval_of_one_point_is_always_decided(criterion: Criterion, value: float) -> None:
    found = call(criterion, Estimate(value, value, value, "exact", 1))
    assert found == ("supported" if criterion.met_by(value) else "refuted")


@given(NUMBERS, ESTIMATES)
def test_opposite_comparisons_give_opposite_verdicts(threshold: float, estimate: Estimate) -> None:
    opposite = {"supported": "refuted", "refuted": "supported", "inconclusive": "inconclusive"}
    for one, other in ((above, at_most), (at_least, below)):
        found = call(one(threshold), estimate)
        assert call(other(threshold), estimate) == opposite[found]


@pytest.mark.parametrize(
    ("criterion", "low", "high", "expected"),
    [
        (above(1), 1.0, 2.0, "inconclusive"),
        (at_least(1), 1.0, 2.0, "supported"),
        (below(1), 0.0, 1.0, "inconclusive"),
        (at_most(1), 0.0, 1.0, "supported"),
        (above(1), 0.0, 1.0, "refuted"),
        (at_least(1), 0.0, 1.0, "inconclusive"),
        (between(0, 1), 0.0, 1.0, "supported"),
        (between(0, 1), 1.0, 2.0, "inconclusive"),
        (between(0, 1), -1.0, 2.0, "inconclusive"),
        (between(0, 1), 1.5, 2.0, "refuted"),
        (above(0), 1.0, float("inf"), "supported"),
        (between(0, 1), 0.5, float("inf"), "inconclusive"),
    ],
)
def test_ends_on_the_threshold(criterion: Criterion, low: float, high: float, expected: str) -> None:
    assert call(criterion, Estimate((low + min(high, 9)) / 2, low, high, "t", 9)) == expected


@given(ESTIMATES.filter(lambda e: e.value > 0), FRACTIONS)
def test_a_test_of_a_positive_effect_follows_its_p_value(estimate: Estimate, p_value: float) -> None:
    criterion = significant(0.05)
    found = call(criterion, estimate, p_value)
    assert point(criterion, estimate, p_value) == (p_value < 0.05)
    assert (found == "supported") == (p_value < 0.05 and estimate.low > 0)
    assert found != "refuted"


def test_an_effect_on_the_wrong_side_refutes() -> None:
    wrong = Estimate(-1, -2, -0.5, "t", 9)
    assert call(significant(), wrong, 0.9) == "refuted"
    assert call(significant(), Estimate(-1, -2, 0.5, "t", 9), 0.9) == "inconclusive"


@given(FRACTIONS, st.booleans())
def test_non_rejection_needs_equivalence_for_support(p_value: float, equivalent: bool) -> None:
    criterion = not_rejected(0.5642)
    found = call(criterion, Estimate(0.56, 0.5, 0.6, "profile", 12), p_value, equivalent)
    rejected = p_value <= 0.05
    assert found == ("refuted" if rejected else "supported" if equivalent else "inconclusive")
    assert point(criterion, Estimate(0.56, 0.5, 0.6, "profile", 12), p_value) == (not rejected)


@pytest.mark.parametrize("criterion", [significant(), not_rejected(0.5)])
def test_tests_insist_on_a_p_value(criterion: Criterion) -> None:
    estimate = Estimate(0, -1, 1, "t", 9)
    with pytest.raises(SemphaseError, match="needs a p-value"):
        call(criterion, estimate, None, True)
    assert point(criterion, estimate) is False


@pytest.mark.parametrize(
    ("criterion", "text"),
    [
        (above(0.96, "r"), "r > 0.96"),
        (at_least(2), "estimate >= 2"),
        (below(0.3, "cv"), "cv < 0.3"),
        (at_most(1e-4, "change"), "change <= 0.0001"),
        (between(0.85, 1.1, "alpha"), "0.85 <= alpha <= 1.1"),
        (significant(0.05, "effect"), "effect: p < 0.05"),
        (not_rejected(0.5642, part="sigma"), "sigma = 0.5642 not rejected at 0.05"),
    ],
)
def test_criteria_print_as_rules(criterion: Criterion, text: str) -> None:
    assert str(criterion) == text


@pytest.mark.parametrize(
    ("criterion", "value", "gap"),
    [(above(1), 0.5, 0.5), (above(1), 2, 0), (below(1), 3, 2), (between(0, 1), -2, 2), (between(0, 1), 1.5, 0.5)],
)
def test_the_gap_is_the_distance_to_the_nearer_end(criterion, value, gap):
    assert criterion.gap(value) == gap


@pytest.mark.parametrize(
    "make",
    [
        lambda: above(float("nan")), lambda: above(float("inf")), lambda: above("x"), lambda: above(None),
        lambda: above(True), lambda: above(1, None), lambda: above(1, ""), lambda: between(2, 1),
        lambda: above(1, " "), lambda: above(1, "a\nb"), lambda: above(np.array([1, 2])), lambda: significant(None),
        lambda: not_rejected("a"), lambda: not_rejected(True), lambda: significant(2.0), lambda: significant(float("nan")),
        lambda: not_rejected(0.5, -0.1),
    ],
)  # fmt: skip
def test_rules_that_nothing_or_everything_meets_are_refused(make):
    with pytest.raises(SemphaseError, match=r"^(the|a) criterion [^\n]*\.$"):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: above(1, within=(0, 1)), lambda: at_least(0, within=(0, 1)), lambda: below(0, within=(0, 1)),
        lambda: at_most(1, within=(0, 1)), lambda: between(0, 1, within=(0, 1)), lambda: between(2, 3, within=(0, 1)),
        lambda: significant(within=(1, 2)), lambda: above(2, within=(-1, 1)), lambda: above(0.5, within=(1, 0)),
        lambda: above(0, within=(0, 1)), lambda: at_least(1, within=(0, 1)), lambda: below(1, within=(0, 1)),
        lambda: above(-1, within=(-1, 1)), lambda: above(0, within=(0, float("inf"))), lambda: between(0.5, 0.5),
        lambda: significant(within=(0, 1)), lambda: not_rejected(1, within=(0, 1)),
    ],
)  # fmt: skip
def test_rules_that_come_out_one_way_only_are_refused(make):
    with pytest.raises(SemphaseError, match=r"one way only|the lower end first"):
        make()


@pytest.mark.parametrize(
    "criterion",
    [
        above(0.5, within=(0, 1)), at_least(0.9, within=(0, 1)), below(0.9, within=(0, 1)),
        between(0, 0.5, within=(0, 1)), between(0.5, 9, within=(0, 1)), significant(within=(-1, 1)),
        significant(negligible=0.06, within=(0, 1)),
    ],
)  # fmt: skip
def test_a_range_is_no_part_of_the_rule_that_is_frozen(criterion: Criterion) -> None:
    assert "within" not in repr(criterion)


@pytest.mark.parametrize(
    ("criterion", "value", "margin", "direction"),
    [
        (above(1), 3, 2, 1), (at_least(1), 0, -1, 1), (below(1), 3, -2, -1), (at_most(1), 0, 1, -1),
        (between(0, 1), 0.25, 0.25, 1), (between(0, 1), 0.75, 0.25, -1), (between(0, 1), 3, -2, -1),
        (between(0, 1), -3, -3, 1), (not_rejected(0.5), 0.75, -0.25, -1), (not_rejected(0.5), 0.25, -0.25, 1),
        (significant(), -2, -2, 1),
    ],
)  # fmt: skip
def test_the_margin_is_the_signed_distance_to_the_nearer_end(criterion, value, margin, direction):
    assert (criterion.margin(value), criterion.direction(value)) == (margin, direction)


@given(SIMPLE, DISTINCT)
def test_what_is_decided_at_the_level_has_a_p_below_it(criterion: Criterion, estimate: Estimate) -> None:
    found, evidence = call(criterion, estimate), Evidence(estimate)
    # Ends that lie on the threshold to rounding are left out: the p is that of a normal distribution, to 1e-9.
    if found == "supported":
        assert p_supported(criterion, evidence) <= 0.025 + 1e-9
        assert p_refuted(criterion, evidence) >= 0.5 or criterion.comparison == "between"
    elif found == "refuted":
        assert p_refuted(criterion, evidence) <= 0.025 + 1e-9


def test_a_range_is_missed_on_either_side() -> None:
    # A normal interval of ±1.96: at 0 it misses [3, 9] by three standard errors, and meets neither end.
    evidence = Evidence(Estimate(0, -1.96, 1.96, "t", 9))
    assert p_refuted(between(3, 9), evidence) == pytest.approx(0.00135, rel=1e-2)
    assert p_supported(between(3, 9), evidence) == pytest.approx(0.99865, rel=1e-2)
    assert p_supported(between(-3, 4), evidence) == pytest.approx(0.00135, rel=1e-2)


def test_one_of_several_parts_decides_at_its_share_of_the_level() -> None:
    # One-sided p of 0.01 and 0.004: two parts share 2.5 %, so 0.01 decides of two and not of three, 0.004 of six.
    near, far = (Evidence(Estimate(z, z - 1.96, z + 1.96, "t", 9)) for z in (2.326, 2.652))
    assert [call_of(below(0), near, "all", parts) for parts in (1, 2, 3)] == ["refuted", "refuted", "inconclusive"]
    assert [call_of(below(0), far, "all", parts) for parts in (6, 7)] == ["refuted", "inconclusive"]
    assert call_of(above(0), near, "all", 9) == "supported"
    assert [call_of(above(0), near, "any", parts) for parts in (1, 2, 3)] == ["supported", "supported", "inconclusive"]
    assert call_of(below(0), near, "any", 9) == "refuted"
