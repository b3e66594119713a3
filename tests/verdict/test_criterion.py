"""Criteria: the rule of the whole interval, checked against its definition."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semphase.errors import SemphaseError
from semphase.stats.estimate import Estimate
from semphase.verdict import (
    Criterion,
    above,
    at_least,
    at_most,
    below,
    between,
    not_rejected,
    significant,
)

NUMBERS = st.floats(-10, 10)
ESTIMATES = st.tuples(NUMBERS, NUMBERS, NUMBERS).map(sorted).map(lambda x: Estimate(x[1], x[0], x[2], "t", 9))
SIMPLE = st.one_of(
    st.builds(above, NUMBERS),
    st.builds(at_least, NUMBERS),
    st.builds(below, NUMBERS),
    st.builds(at_most, NUMBERS),
    st.tuples(NUMBERS, NUMBERS).map(sorted).map(lambda x: between(*x)),
)
FRACTIONS = st.floats(0, 1)


@given(SIMPLE, ESTIMATES)
def test_a_verdict_speaks_of_the_whole_interval(criterion: Criterion, estimate: Estimate) -> None:
    met = [criterion.met_by(end) for end in (estimate.low, estimate.value, estimate.high)]
    call = criterion.call(estimate, None, None)
    if call == "supported":
        assert all(met)
    elif call == "refuted":
        assert not any(met)
    assert criterion.point(estimate, None) == met[1]


@given(SIMPLE, ESTIMATES, FRACTIONS)
def test_any_point_of_the_interval_agrees_with_a_decided_verdict(
    criterion: Criterion, estimate: Estimate, share: float
) -> None:
    inner = min(max(estimate.low + share * (estimate.high - estimate.low), estimate.low), estimate.high)
    call = criterion.call(estimate, None, None)
    if call != "inconclusive":
        assert criterion.met_by(inner) == (call == "supported")


@given(SIMPLE, ESTIMATES)
def test_a_wider_interval_never_decides_otherwise(criterion: Criterion, estimate: Estimate) -> None:
    wider = Estimate(estimate.value, estimate.low - 1, estimate.high + 1, "t", 9)
    narrow, wide = criterion.call(estimate, None, None), criterion.call(wider, None, None)
    assert wide in (narrow, "inconclusive")


@given(SIMPLE, NUMBERS)
def test_an_interval_of_one_point_is_always_decided(criterion: Criterion, value: float) -> None:
    call = criterion.call(Estimate(value, value, value, "exact", 1), None, None)
    assert call == ("supported" if criterion.met_by(value) else "refuted")


@given(NUMBERS, ESTIMATES)
def test_opposite_comparisons_give_opposite_verdicts(threshold: float, estimate: Estimate) -> None:
    opposite = {"supported": "refuted", "refuted": "supported", "inconclusive": "inconclusive"}
    for one, other in ((above, at_most), (at_least, below)):
        found = one(threshold).call(estimate, None, None)
        assert other(threshold).call(estimate, None, None) == opposite[found]


@pytest.mark.parametrize(
    ("criterion", "low", "high", "call"),
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
def test_ends_on_the_threshold(criterion: Criterion, low: float, high: float, call: str) -> None:
    assert criterion.call(Estimate((low + min(high, 9)) / 2, low, high, "t", 9), None, None) == call


@given(ESTIMATES.filter(lambda e: e.value > 0), FRACTIONS)
def test_a_test_of_a_positive_effect_follows_its_p_value(estimate: Estimate, p_value: float) -> None:
    criterion = significant(0.05)
    call = criterion.call(estimate, p_value, None)
    assert (call == "supported") == criterion.point(estimate, p_value) == (p_value < 0.05)
    assert call != "refuted"


def test_an_effect_on_the_wrong_side_refutes() -> None:
    wrong = Estimate(-1, -2, -0.5, "t", 9)
    assert significant().call(wrong, 0.9, None) == "refuted"
    assert significant().call(Estimate(-1, -2, 0.5, "t", 9), 0.9, None) == "inconclusive"


@given(FRACTIONS, st.booleans())
def test_non_rejection_needs_equivalence_for_support(p_value: float, equivalent: bool) -> None:
    criterion = not_rejected(0.5642)
    call = criterion.call(Estimate(0.56, 0.5, 0.6, "profile", 12), p_value, equivalent)
    rejected = p_value <= 0.05
    assert call == ("refuted" if rejected else "supported" if equivalent else "inconclusive")
    assert criterion.point(Estimate(0.56, 0.5, 0.6, "profile", 12), p_value) == (not rejected)


@pytest.mark.parametrize("criterion", [significant(), not_rejected(0.5)])
def test_tests_insist_on_a_p_value(criterion: Criterion) -> None:
    estimate = Estimate(0, -1, 1, "t", 9)
    with pytest.raises(SemphaseError, match="needs a p-value"):
        criterion.call(estimate, None, True)
    assert criterion.point(estimate, None) is False


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
        lambda: significant(2.0), lambda: significant(float("nan")), lambda: not_rejected(0.5, -0.1),
    ],
)  # fmt: skip
def test_rules_that_nothing_or_everything_meets_are_refused(make):
    with pytest.raises(SemphaseError, match=r"^(the|a) criterion [^\n]*\.$"):
        make()
