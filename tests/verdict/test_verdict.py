"""Verdicts of several parts, and controls."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semphase.errors import SemphaseError
from semphase.stats.estimate import Estimate
from semphase.verdict import Claim, Control, Evidence, Verdict, above, control_from_copies, weigh

CALLS = ("supported", "refuted", "inconclusive")
VALUES = {"supported": 1.0, "refuted": -1.0, "inconclusive": 0.0}


def claim(parts: int, combine: str = "all") -> Claim:
    rules = tuple(above(0, f"p{place}") for place in range(parts))
    return Claim("a.b", "s", "rule", rules, "mean", "001", "random", combine=combine)  # type: ignore[arg-type]


def evidence(*calls: str) -> dict[str, Evidence]:
    estimates = [Estimate(VALUES[call], VALUES[call] - 0.5, VALUES[call] + 0.5, "t", 9) for call in calls]
    return {f"p{place}": Evidence(estimate) for place, estimate in enumerate(estimates)}


@pytest.mark.parametrize("calls", [*itertools.product(CALLS, repeat=3)])
def test_all_parts_must_hold(calls: tuple[str, ...]) -> None:
    expected = "refuted" if "refuted" in calls else "inconclusive" if "inconclusive" in calls else "supported"
    call, _, deciding, parts = weigh(claim(3), evidence(*calls))
    assert call == deciding.call == expected
    assert [part.call for part in parts] == list(calls)


@pytest.mark.parametrize("calls", [*itertools.product(CALLS, repeat=3)])
def test_any_part_may_hold(calls: tuple[str, ...]) -> None:
    expected = "supported" if "supported" in calls else "inconclusive" if "inconclusive" in calls else "refuted"
    call, _, deciding, _ = weigh(claim(3, "any"), evidence(*calls))
    assert call == deciding.call == expected


@given(st.lists(st.sampled_from(CALLS), min_size=1, max_size=4), st.sampled_from(["all", "any"]))
def test_a_decided_verdict_agrees_with_the_point(calls: list[str], combine: str) -> None:
    call, point, _, _ = weigh(claim(len(calls), combine), evidence(*calls))
    assert call == "inconclusive" or point == (call == "supported")


@given(st.permutations(["supported", "refuted", "inconclusive"]), st.sampled_from(["all", "any"]))
def test_the_order_of_parts_changes_no_verdict(calls: list[str], combine: str) -> None:
    assert weigh(claim(3, combine), evidence(*calls))[0] == weigh(claim(3, combine), evidence(*sorted(calls)))[0]


@pytest.mark.parametrize("given_parts", [{}, {"p0": "x", "p1": "x"}, {"q": "x"}])
def test_evidence_must_name_the_parts_of_the_claim(given_parts: dict[str, str]) -> None:
    told = dict.fromkeys(given_parts, evidence("supported")["p0"])
    with pytest.raises(SemphaseError, match=r"a\.b judges \['p0'\]"):
        weigh(claim(1), told)


@given(st.lists(st.sampled_from(CALLS), min_size=1, max_size=7))
def test_a_control_follows_the_majority_of_its_copies(calls: list[str]) -> None:
    control = control_from_copies(claim(1), "copies", [evidence(call) for call in calls])
    majority = [call for call in CALLS if 2 * calls.count(call) > len(calls)]
    assert control.call == (majority[0] if majority else "inconclusive")
    agreeing = [call for call in calls if call == control.call] or calls[:1]
    assert control.estimate.value == VALUES[agreeing[0]]


def test_the_controls_estimate_is_the_median_of_the_deciding_part() -> None:
    copies = [
        {"p0": Evidence(Estimate(first, first, first, "t", 1)), "p1": Evidence(Estimate(-9, -9, -9, "t", 1))}
        for first in (-1.0, -3.0, -2.0, 5.0)
    ]
    control = control_from_copies(claim(2), "copies", copies)
    assert (control.call, control.estimate.value) == ("refuted", -2.0)


@pytest.mark.parametrize(("call", "discriminating"), [("supported", False), ("refuted", True), ("inconclusive", True)])
def test_support_of_the_control_says_that_nothing_is_told(call: str, discriminating: bool) -> None:
    control = Control("random", Estimate(0, 0, 0, "t", 1), call)  # type: ignore[arg-type]
    assert Verdict(claim(1), "supported", control=control).discriminating is discriminating
    assert Verdict(claim(1), "supported").discriminating is None
