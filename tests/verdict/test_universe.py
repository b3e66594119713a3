"""Universes: what counts as agreeing, what makes a verdict fragile, how they are named."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from semphase.errors import SemphaseError
from semphase.stats.estimate import Estimate
from semphase.verdict import above, weigh
from semphase.verdict.agreement import agreement, found_in
from semphase.verdict.claim import Claim
from semphase.verdict.decision import Evidence
from semphase.verdict.judge import Judge
from semphase.verdict.universe import UNMOVED, Found, Universe
from semphase.verdict.universes import CHOICES, OF_PASSES, universe

CLAIM = Claim("a.b", "s", "x > 0", (above(0.0),), "mean", "ours", "untrained copies")


def found(verdict: str, *, point: bool | None = True, reason: str = "") -> Found:
    return Found("a variant", verdict, point, None, reason)  # type: ignore[arg-type]


def shifted(study: object) -> object:
    return study


def judged(value: float) -> Judge:
    judge = Judge(CLAIM).alone()
    judge(Estimate(value, value - 0.1, value + 0.1, "a test", 20))
    return judge


def test_what_agrees_what_is_undecided_and_what_does_not_count() -> None:
    universes = [
        found("supported"),
        found("supported"),
        found("inconclusive"),
        found("not-applicable", point=None),
        found("supported", reason=UNMOVED),
    ]
    told = agreement("supported", True, universes)
    assert (told.n, told.agree, told.undecided, told.share, told.fragile) == (3, 2, 1, 2 / 3, False)


@pytest.mark.parametrize(
    ("verdict", "point", "other", "fragile"),
    [
        ("supported", True, found("refuted", point=False), True),
        ("refuted", False, found("supported"), True),
        ("supported", True, found("inconclusive", point=False), True),
        ("inconclusive", True, found("refuted", point=False), True),
        ("inconclusive", True, found("supported"), False),
        ("supported", True, found("inconclusive"), False),
        ("supported", True, found("refuted", point=False, reason=UNMOVED), False),
    ],
)
def test_fragile_is_what_an_opposite_verdict_or_point_makes(
    verdict: str, point: bool, other: Found, fragile: bool
) -> None:
    assert agreement(verdict, point, [other]).fragile is fragile


def test_without_a_universe_nothing_is_said() -> None:
    told = agreement("supported", True, [])
    assert (told.n, told.share, told.fragile) == (0, None, False)


def test_a_universe_with_the_same_numbers_says_so() -> None:
    registered, same, other = (judged(value).verdict for value in (1.0, 1.0, 2.0))
    assert registered is not None
    assert same is not None
    assert other is not None
    own = Universe("a variant", shifted)
    assert found_in(own, same, registered).reason == UNMOVED
    assert not found_in(own, same, registered).counts
    assert found_in(own, other, registered) == Found("a variant", "supported", True, other.estimate)


def test_a_judge_alone_weighs_as_the_judge_does_and_looks_at_no_control() -> None:
    estimate = Estimate(1.0, 0.5, 1.5, "a test", 20)
    judge = Judge(CLAIM).alone()
    verdict = judge(estimate, control=[])
    assert verdict.verdict == weigh(CLAIM, {"estimate": Evidence(estimate)}).call == "supported"
    assert verdict.control is None
    assert verdict.specific is None


def test_names_know_what_needs_passes() -> None:
    assert all(not universe(name).passes for name in CHOICES)
    assert all(universe(name).passes for name in OF_PASSES)
    assert universe(shifted).name == "shifted"
    assert universe("4 words").identity != universe("9 words").identity


@pytest.mark.parametrize("given", ["five words", lambda study: study, 4])
def test_what_is_no_universe_is_told_in_a_sentence(given: object) -> None:
    with pytest.raises(SemphaseError, match="universe"):
        universe(given)


def drawn(count: int) -> Callable[[Any], Any]:
    def some_words(study: Any) -> Any:
        return study.varied(words=count)

    return some_words


def test_a_universe_is_known_by_what_it_does() -> None:
    few, many = universe(drawn(3)), universe(drawn(5))
    assert few.name == many.name == "some words"
    assert few.key != many.key
    with pytest.raises(SemphaseError, match="captures count"):
        _ = few.identity  # no key of the store sees what it captures, so that its verdicts are reached each time
    assert universe("4 words").key == universe("4 words").key != Universe("4 words", shifted).key
    assert Universe("a", partial(shifted, by=1)).identity != Universe("a", partial(drawn, by=1)).identity
