"""Verdicts of several parts, and controls."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st

from semphase.errors import SemphaseError
from semphase.stats.estimate import Estimate, census
from semphase.stats.estimates import mean
from semphase.verdict import Claim, Evidence, above, below, beside, weigh
from semphase.verdict.contrast import contrast_of, mean_of_copies, relation_of

CALLS = ("supported", "refuted", "inconclusive")
VALUES = {"supported": 1.0, "refuted": -1.0, "inconclusive": 0.0}


def claim(parts: int, combine: str = "all") -> Claim:
    rules = tuple(above(0, f"p{place}") for place in range(parts))
    return Claim("a.b", "s", "rule", rules, "mean", "001", "random", combine=combine)  # type: ignore[arg-type]


def evidence(*calls: str) -> dict[str, Evidence]:
    estimates = [Estimate(VALUES[call], VALUES[call] - 0.2, VALUES[call] + 0.2, "t", 9) for call in calls]
    return {f"p{place}": Evidence(estimate) for place, estimate in enumerate(estimates)}


@pytest.mark.parametrize("calls", [*itertools.product(CALLS, repeat=3)])
def test_all_parts_must_hold(calls: tuple[str, ...]) -> None:
    expected = "refuted" if "refuted" in calls else "inconclusive" if "inconclusive" in calls else "supported"
    found = weigh(claim(3), evidence(*calls))
    assert found.call == found.deciding.call == expected
    assert [part.call for part in found.parts] == list(calls)


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
    given, again = (weigh(claim(3, combine), evidence(*order)) for order in (calls, sorted(calls)))
    assert given.call == again.call


@pytest.mark.parametrize("given_parts", [{}, {"p0": "x", "p1": "x"}, {"q": "x"}])
def test_evidence_must_name_the_parts_of_the_claim(given_parts: dict[str, str]) -> None:
    told = dict.fromkeys(given_parts, evidence("supported")["p0"])
    with pytest.raises(SemphaseError, match=r"a\.b judges \['p0'\]"):
        weigh(claim(1), told)


def test_the_decision_has_the_p_of_what_had_to_hold() -> None:
    found = {"p0": Evidence(normal(3.0)), "p1": Evidence(normal(4.0))}
    tails = [float(scipy.stats.norm.sf(z)) for z in (3, 4)]
    assert weigh(claim(2), found).p == pytest.approx(tails[0])
    assert weigh(claim(2, "any"), found).p == pytest.approx(2 * tails[1])
    below = {name: Evidence(own.estimate.mirrored()) for name, own in found.items()}
    assert weigh(claim(2), below).p == pytest.approx(2 * tails[1])
    assert weigh(claim(2, "any"), below).p == pytest.approx(tails[0])
    assert weigh(claim(2), {"p0": Evidence(normal(0.1)), "p1": Evidence(normal(4))}).p is None


def test_a_census_is_decided_without_a_p() -> None:
    assert (weigh(claim(1), {"p0": Evidence(census(1.0, "count", 12))}).call) == "supported"
    assert weigh(claim(1), {"p0": Evidence(census(1.0, "count", 12))}).p is None
    assert weigh(claim(1), {"p0": Evidence(census(-1.0, "count", 12))}).call == "refuted"


@pytest.mark.parametrize(
    ("model", "control", "relation"),
    [
        ("supported", "refuted", "model only"), ("supported", "supported", "both"), ("refuted", "refuted", "neither"),
        ("refuted", "supported", "control only"), ("inconclusive", "refuted", "undecided"),
        ("supported", "inconclusive", "undecided"),
    ],
)  # fmt: skip
def test_the_relation_is_that_of_two_verdicts(model: Any, control: Any, relation: str) -> None:
    assert relation_of(model, control) == relation


def test_the_contrast_of_five_copies_by_hand() -> None:
    rng = np.random.default_rng(0)
    units = rng.normal(0, 1, (6, 40))
    means = np.array([3.0, 0.1, -0.2, 0.3, 0.0, -0.1])
    model, *copies = [Evidence(mean(own - own.mean() + centre)) for own, centre in zip(units, means, strict=True)]
    found = contrast_of(above(1), model, copies)
    spread = means[1:].var(ddof=1) * (1 + 1 / 5)
    paired = (units[0] - units[1:].mean(axis=0)).var(ddof=1) / 40
    half = scipy.stats.t.ppf(0.975, 4) * np.sqrt(spread + paired)
    assert found.value == pytest.approx(3 - means[1:].mean())
    assert (found.low, found.high) == (pytest.approx(found.value - half), pytest.approx(found.value + half))
    assert found.p_above(found.low) == pytest.approx(0.025)


def test_paired_units_cancel_what_model_and_control_share() -> None:
    shared = np.random.default_rng(1).normal(0, 5, 30)
    own = np.random.default_rng(2).normal(0, 0.1, (2, 30))
    model, control = Evidence(mean(shared + own[0] + 1)), Evidence(mean(shared + own[1]))
    found = contrast_of(below(0), model, [control])
    assert found.high < 0 < found.high - found.low < 0.2


def test_an_exchangeable_sixth_copy_is_seldom_specific() -> None:
    # With the relation out of play: the contrast alone excludes 0 on the upper side in at most 2.5 % of worlds.
    rng, worlds = np.random.default_rng(3), 400
    hits = 0
    for _ in range(worlds):
        levels = rng.normal(0, 1, 6)
        values = rng.normal(0, 1, (6, 20)) + rng.normal(0, 1, 20) + levels[:, None]
        model, *copies = [Evidence(mean(own)) for own in values]
        hits += contrast_of(above(0), model, copies).low > 0
    assert scipy.stats.binomtest(hits, worlds, 0.025, alternative="greater").pvalue > 0.001


def test_the_mean_of_copies_adds_what_units_and_copies_scatter() -> None:
    copies = [Evidence(Estimate(value, value - 0.3, value + 0.4, "t", 9)) for value in (1.0, 2.0, 3.0)]
    found = mean_of_copies(copies, (-math.inf, 2.5)).estimate
    reach = scipy.stats.t.ppf(0.975, 2) * 1 / np.sqrt(3)
    assert (found.value, found.high) == (2.0, 2.5)
    assert found.low == pytest.approx(2 - math.hypot(0.3, reach))
    assert mean_of_copies(copies[:1], (0, 1)) is copies[0]


def test_what_copies_lack_leaves_the_control_undecided() -> None:
    lacking = Evidence(replace(normal(-9), lacks="4 seeds at least"))
    control, _ = beside(claim(1), "copies", {"p0": Evidence(normal(9))}, [{"p0": lacking}] * 3)
    assert (control.relation, control.apart) == ("undecided", False)
    assert control.contrast is not None
    assert control.contrast.lacks == "4 seeds at least"


def test_copies_that_are_all_alike_and_no_sample_say_nothing_of_another() -> None:
    exact = [{"p0": Evidence(census(-1.0, "count", 3))}] * 5
    control, _ = beside(claim(1), "copies", {"p0": Evidence(census(1.0, "count", 3))}, exact)
    assert control.relation == "model only"
    assert control.contrast is not None
    assert control.contrast.lacks == "copies that are not all alike"


def test_the_contrast_of_several_parts_is_told_for_the_one_that_tells_most() -> None:
    model = {"p0": Evidence(normal(5)), "p1": Evidence(normal(50))}
    control, _ = beside(claim(2), "random", model, [{"p0": Evidence(normal(5)), "p1": Evidence(normal(-9))}])
    assert (control.relation, control.apart) == ("model only", True)
    assert control.contrast is not None
    assert (control.contrast.value, control.contrast.level) == (59.0, pytest.approx(0.975))


def normal(z: float) -> Estimate:
    """A value of so many standard errors, each 1."""
    return Estimate(z, z - 1.959963984540054, z + 1.959963984540054, "normal", 99)
