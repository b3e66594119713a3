"""Verdicts of several parts, and controls."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semphase.errors import SemphaseError
from semphase.stats.estimate import Estimate, census
from semphase.verdict import Claim, Evidence, above, between, significant, weigh

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
    found = weigh(claim(3), evidence(*calls))
    assert found.call == found.deciding.call == expected
    assert [part.call for part in found.parts] == list(calls)
    assert (found.p is None) == (expected == "inconclusive")


@pytest.mark.parametrize("calls", [*itertools.product(CALLS, repeat=3)])
def test_any_part_may_hold(calls: tuple[str, ...]) -> None:
    expected = "supported" if "supported" in calls else "inconclusive" if "inconclusive" in calls else "refuted"
    found = weigh(claim(3, "any"), evidence(*calls))
    assert found.call == found.deciding.call == expected


@given(st.lists(st.sampled_from(CALLS), min_size=1, max_size=4), st.sampled_from(["all", "any"]))
def test_a_decided_verdict_agrees_with_the_point(calls: list[str], combine: str) -> None:
    found = weigh(claim(len(calls), combine), evidence(*calls))
    assert found.call == "inconclusive" or found.point == (found.call == "supported")


@given(st.permutations(["supported", "refuted", "inconclusive"]), st.sampled_from(["all", "any"]))
def test_the_order_of_parts_changes_no_verdict(calls: list[str], combine: str) -> None:
    assert weigh(claim(3, combine), evidence(*calls)).call == weigh(claim(3, combine), evidence(*sorted(calls))).call


@pytest.mark.parametrize("given_parts", [{}, {"p0": "x", "p1": "x"}, {"q": "x"}])
def test_evidence_must_name_the_parts_of_the_claim(given_parts: dict[str, str]) -> None:
    told = dict.fromkeys(given_parts, evidence("supported")["p0"])
    with pytest.raises(SemphaseError, match=r"a\.b judges \['p0'\]"):
        weigh(claim(1), told)


def at(z: float) -> Evidence:
    """An estimate so many standard errors from 0."""
    return Evidence(Estimate(z, z - 1.959964, z + 1.959964, "t", 9))


def test_the_p_of_a_decision_counts_its_parts() -> None:
    # One-sided normal p: 0.00135 at 3, 0.0000317 at 4.
    assert weigh(claim(2), {"p0": at(3), "p1": at(4)}).p == pytest.approx(0.00135, rel=1e-2)
    assert weigh(claim(2), {"p0": at(3), "p1": at(-4)}).p == pytest.approx(2 * 0.0000317, rel=1e-2)
    assert weigh(claim(2, "any"), {"p0": at(3), "p1": at(4)}).p == pytest.approx(2 * 0.0000317, rel=1e-2)
    assert weigh(claim(2, "any"), {"p0": at(-3), "p1": at(-4)}).p == pytest.approx(0.00135, rel=1e-2)
    assert weigh(claim(2), {"p0": at(0), "p1": at(4)}).p is None


def test_the_p_of_a_test_is_that_of_the_decision() -> None:
    tested = Claim("a.b", "s", "rule", (significant(0.05, "p0"),), "mean", "001", "random")
    assert weigh(tested, {"p0": Evidence(at(3).estimate, 0.01)}).p == 0.01


def test_a_range_is_met_when_both_of_its_ends_are_excluded() -> None:
    ranged = Claim("a.b", "s", "rule", (between(-3, 4, "p0"),), "mean", "001", "random")
    assert weigh(ranged, {"p0": at(0)}).p == pytest.approx(0.00135, rel=1e-2)
    assert weigh(ranged, {"p0": at(8)}).p == pytest.approx(0.0000317, rel=1e-2)


@pytest.mark.parametrize("value", [1.0, -1.0])
def test_a_census_is_decided_without_a_p(value: float) -> None:
    counted = Evidence(census(value, "all heads", 12))
    assert weigh(claim(1), {"p0": counted}).p is None
    both = weigh(claim(2), {"p0": counted, "p1": at(3)})
    assert both.call == ("supported" if value > 0 else "refuted")
    assert both.p == (pytest.approx(0.00135, rel=1e-2) if value > 0 else None)


def test_one_part_of_three_refutes_at_a_third_of_the_level() -> None:
    near = {"p0": at(3), "p1": at(3), "p2": at(-2.2)}
    assert [part.call for part in weigh(claim(3), near).parts] == ["supported", "supported", "inconclusive"]
    assert weigh(claim(3), near | {"p2": at(-2.5)}).call == "refuted"
