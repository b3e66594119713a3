"""Criteria: the rule of the whole interval, checked against its definition."""

from __future__ import annotations

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
from semphase.verdict.decision import call_of, p_refuted, p_supported, point_of

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
    call = call_of(criterion, Evidence(estimate))
    if call == "supported":
        assert all(met)
    elif call == "refuted":
        assert not any(met)
    assert point_of(criterion, Evidence(estimate)) == met[1]


@given(SIMPLE, ESTIMATES, FRACTIONS)
def test_any_point_of_the_interval_agrees_with_a_decided_verdict(
    criterion: Criterion, estimate: Estimate, share: float
) -> None:
    inner = min(max(estimate.low + share * (estimate.high - estimate.low), estimate.low), estimate.high)
    call = call_of(criterion, Evidence(estimate))
    if call != "inconclusive":
        assert criterion.met_by(inner) == (call == "supported")


@given(SIMPLE, ESTIMATES)
def test_a_wider_interval_never_decides_otherwise(criterion: Criterion, estimate: Estimate) -> None:
    wider = Estimate(estimate.value, estimate.low - 1, estimate.high + 1, "t", 9)
    narrow, wide = call_of(criterion, Evidence(estimate)), call_of(criterion, Evidence(wider))
    assert wide in (narrow, "inconclusive")


@given(SIMPLE, NUMBERS)
def test_an_interval_of_one_point_is_always_decided(criterion: Criterion, value: float) -> None:
    call = call_of(criterion, Evidence(Estimate(value, value, value, "exact", 1)))
    assert call == ("supported" if criterion.met_by(value) else "refuted")


@given(NUMBERS, ESTIMATES)
def test_opposite_comparisons_give_opposite_verdicts(threshold: float, estimate: Estimate) -> None:
    opposite = {"supported": "refuted", "refuted": "supported", "inconclusive": "inconclusive"}
    for one, other in ((above, at_most), (at_least, below)):
        found = call_of(one(threshold), Evidence(estimate))
        assert call_of(other(threshold), Evidence(estimate)) == opposite[found]


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
    assert call_of(criterion, Evidence(Estimate((low + min(high, 9)) / 2, low, high, "t", 9))) == call


@given(ESTIMATES.filter(lambda e: e.value > 0), FRACTIONS)
def test_a_test_of_a_positive_effect_follows_its_p_value(estimate: Estimate, p_value: float) -> None:
    criterion = significant(0.05)
    call = call_of(criterion, Evidence(estimate, p_value))
    assert (call == "supported") == point_of(criterion, Evidence(estimate, p_value)) == (p_value < 0.05)
    assert call != "refuted"


def test_an_effect_on_the_wrong_side_refutes() -> None:
    wrong = Estimate(-1, -2, -0.5, "t", 9)
    assert call_of(significant(), Evidence(wrong, 0.9)) == "refuted"
    assert call_of(significant(), Evidence(Estimate(-1, -2, 0.5, "t", 9), 0.9)) == "inconclusive"


@given(FRACTIONS, st.booleans())
def test_non_rejection_needs_equivalence_for_support(p_value: float, equivalent: bool) -> None:
    criterion = not_rejected(0.5642)
    evidence = Evidence(Estimate(0.56, 0.5, 0.6, "profile", 12), p_value, equivalent)
    call = call_of(criterion, evidence)
    rejected = p_value <= 0.05
    assert call == ("refuted" if rejected else "supported" if equivalent else "inconclusive")
    assert point_of(criterion, evidence) == (not rejected)


@pytest.mark.parametrize("criterion", [significant(), not_rejected(0.5)])
def test_tests_insist_on_a_p_value(criterion: Criterion) -> None:
    estimate = Estimate(0, -1, 1, "t", 9)
    with pytest.raises(SemphaseError, match="needs a p-value"):
        call_of(criterion, Evidence(estimate, None, True))
    assert point_of(criterion, Evidence(estimate)) is False


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


@given(SIMPLE, ESTIMATES.filter(lambda e: e.low < e.value < e.high))
def test_the_ps_of_a_verdict_agree_with_its_interval(criterion: Criterion, estimate: Estimate) -> None:
    evidence = Evidence(estimate)
    call = call_of(criterion, evidence)
    if call == "supported":
        assert p_supported(criterion, evidence) <= 0.025 + 1e-9
    if call == "refuted":
        assert p_refuted(criterion, evidence) <= 0.025 + 1e-9


def test_of_several_parts_each_refutes_at_its_share_of_the_level() -> None:
    # 2.5 standard errors below the threshold: one-sided p 0.006, four times that is below 0.025, five times above.
    close = Evidence(Estimate(-2.5, -2.5 - 1.959964, -2.5 + 1.959964, "t", 9))
    assert [call_of(above(0), close, "all", parts) for parts in (1, 4, 5)] == ["refuted", "refuted", "inconclusive"]
    assert [call_of(below(0), close, "any", parts) for parts in (1, 4, 5)] == ["supported", "supported", "inconclusive"]
    assert call_of(below(0), close, "all", 5) == "supported"


@pytest.mark.parametrize(
    ("criterion", "value", "margin", "direction"),
    [
        (above(1), 0.5, -0.5, 1), (at_most(1), 0.5, 0.5, -1), (between(0, 1), 0.25, 0.25, 1),
        (between(0, 1), 0.75, 0.25, -1), (between(0, 1), 2, -1, -1), (significant(), -3, -3, 1),
        (not_rejected(0.5), 0.75, -0.25, -1), (not_rejected(0.5), 0.25, -0.25, 1),
    ],
)  # fmt: skip
def test_margins_are_signed_distances_to_the_nearer_threshold(criterion, value, margin, direction):
    assert criterion.margin(value) == margin
    assert criterion.direction(value) == direction


@pytest.mark.parametrize(
    "make",
    [
        lambda: above(1, within=(-1, 1)), lambda: at_least(0, within=(0, 9)), lambda: below(0, within=(0, 1)),
        lambda: at_most(1, within=(0, 1)), lambda: between(-1, 2, within=(0, 1)), lambda: between(2, 3, within=(0, 1)),
        lambda: significant(within=(1, 2)), lambda: above(0.5, within=(1, 0)), lambda: above(0.5, within=3),
    ],
)  # fmt: skip
def test_rules_that_can_come_out_one_way_only_are_refused(make):
    with pytest.raises(SemphaseError, match=r"^(the|a) criterion [^\n]*\.$"):
        make()


def test_rules_that_reach_the_end_of_the_range_can_come_out_both_ways():
    for rule in (at_least(1, within=(0, 1)), at_most(0, within=(0, 1)), between(0.5, 1, within=(0, 1))):
        assert rule.within == (0, 1)
        assert "within" not in repr(rule)


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
