"""Firm and nominal: Holm over all that could have been judged, whatever was."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semphase.report.schema import Entry
from semphase.report.strength import Reach, holm, reach_of, strengths
from semphase.verdict import Claim, Needs, above

P = st.floats(1e-12, 0.025)


def entry(
    name: str, verdict: str | None, p: float | None = None, *, of: str = "words", model: str | None = "m"
) -> Entry:
    estimate = None if verdict in (None, "not-applicable") else {"population": [of]}
    told: Any = {"id": name, "model": model, "verdict": verdict, "p_decision": p, "estimate": estimate}
    return told


def family(size: int, reach: Reach = "one model") -> dict[str, Reach]:
    return {f"f.{place}": reach for place in range(size)}


@pytest.mark.parametrize(
    ("p", "members", "rejected"),
    [
        ({"a": 0.005, "b": 0.009, "c": 0.02}, 3, "abc"),
        ({"a": 0.005, "b": 0.013, "c": 0.02}, 3, "a"),
        ({"a": 0.009, "b": 0.009, "c": 0.009}, 3, ""),
        ({"a": 0.005, "b": 0.009}, 5, "a"),
        ({"a": 0.025}, 1, "a"),
        ({"a": 0.025}, 2, ""),
        ({}, 4, ""),
    ],
)
def test_holm_by_hand(p: dict[str, float], members: int, rejected: str) -> None:
    assert holm(p, members) == set(rejected)


def test_each_direction_is_a_family_of_its_own() -> None:
    # Of four members: 0.006 · 4 = 0.024 survives in either direction, 0.009 · 3 = 0.027 does not.
    judged = [entry("a.1", "supported", 0.006), entry("a.2", "supported", 0.009), entry("a.3", "refuted", 0.006)]
    assert strengths([*judged, entry("a.4", "inconclusive")], {}) == {
        "a.1": "firm", "a.2": "nominal", "a.3": "firm", "a.4": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("other", "counts"),
    [
        (entry("b.1", "inconclusive"), True), (entry("b.1", None), True), (entry("b.1", "refuted", 0.01), True),
        (entry("b.1", "not-applicable"), False), (entry("b.1", "supported", of="census"), False),
        (entry("b.1", "inconclusive", of="rounding"), False),
    ],
)  # fmt: skip
def test_what_counts_is_all_that_samples_and_may_apply(other: Entry, counts: bool) -> None:
    own = entry("a.1", "supported", 0.02)
    assert strengths([own, other], {})["a.1"] == ("nominal" if counts else "firm")


@pytest.mark.parametrize(("reach", "counts"), [("one model", True), ("unknown", True), ("no model", False)])
def test_what_was_left_out_counts_where_it_may_apply(reach: Reach, counts: bool) -> None:
    found = strengths([entry("a.1", "supported", 0.02)], family(1, reach))
    assert found["a.1"] == ("nominal" if counts else "firm")


def test_claims_on_several_models_are_a_family_of_their_own() -> None:
    left_out: dict[str, Reach] = {**family(9), "g.1": "several models"}
    assert strengths([entry("a.1", "supported", 0.0125, model="m+n")], left_out)["a.1"] == "firm"
    assert strengths([entry("a.1", "supported", 0.0126, model="m+n")], left_out)["a.1"] == "nominal"


@pytest.mark.parametrize("of", ["census", "rounding"])
def test_what_samples_nothing_is_firm_as_it_is(of: str) -> None:
    found = strengths([entry("a.1", "refuted", of=of), entry("a.2", "inconclusive", of=of)], family(99))
    assert found == {"a.1": "firm", "a.2": None}


@given(st.dictionaries(st.integers(0, 30).map("f.{}".format), P, min_size=1), st.data())
def test_choosing_claims_makes_none_firm(p: dict[str, float], data: st.DataObject) -> None:
    everything = family(31)
    judged = [entry(name, "supported", own) for name, own in p.items()]
    whole = strengths(judged, everything)
    chosen = data.draw(st.lists(st.sampled_from(judged), unique_by=lambda own: own["id"]))
    for name, strength in strengths(chosen, everything).items():
        assert strength == "nominal" or whole[name] == "firm"


@given(
    st.dictionaries(st.integers(0, 9).map("f.{}".format), P, min_size=1),
    st.lists(st.tuples(st.sampled_from(["supported", "refuted", "inconclusive", None]), st.floats(1e-300, 0.025))),
)
def test_a_wall_of_claims_makes_none_firm(p: dict[str, float], wall: list[tuple[str | None, float]]) -> None:
    judged = [entry(name, "supported", own) for name, own in p.items()]
    alone = strengths(judged, {})
    told = [
        entry(f"w.{place}", verdict, own if verdict in ("supported", "refuted") else None)
        for place, (verdict, own) in enumerate(wall)
    ]
    beside = strengths([*judged, *told], {})
    assert all(beside[name] == "nominal" for name, strength in alone.items() if strength == "nominal")


@pytest.mark.parametrize(
    ("rest", "reach"),
    [
        ({}, "one model"), ({"needs": Needs(models=2)}, "several models"), ({"needs": Needs(model=False)}, "no model"),
        ({"models": ("base", "tuned")}, "several models"),
    ],
)  # fmt: skip
def test_what_a_claim_is_judged_on(rest: dict[str, Any], reach: str) -> None:
    assert reach_of(Claim("a.b", "s", "x > 0", (above(0),), "mean", "001", "random", **rest)) == reach
