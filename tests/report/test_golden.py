"""Equal outputs have equal hashes whatever their last digits; another number, verdict or control has another."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from command import entry

from semphase.report.golden import golden_of
from semphase.verdict.registry import UNIVERSES

RUN: dict[str, Any] = {
    "models": [{"name": "gpt2", "sha256": "w"}, {"name": "other", "sha256": "v"}],
    "corpus": {"name": "grammar", "sha256": "c"}, "lexicon": {"sha256": "l"}, "precision": {"dtype": "float32"},
    "budget": "quick", "seed": 0,
}  # fmt: skip


def judged() -> Any:
    found: Any = copy.deepcopy(entry())
    told = {"value": 0.5, "low": 0.25, "high": 1e-17}
    part = {"part": "r", "criterion": "r > 0.96", "verdict": "supported", "estimate": told}
    found["detail"] = {"parts": [part], "control_parts": [copy.deepcopy(part)], "mine": [1.0]}
    return found


def test_a_run_gives_one_hash_by_its_circumstances() -> None:
    assert len(golden_of(judged(), RUN)) == 1
    assert golden_of(judged(), RUN) == golden_of(judged(), RUN | {"id": "x", "device": "cuda"})


@pytest.mark.parametrize(("value", "same"), [(0.5000001, True), (0.50001, False)])
@pytest.mark.parametrize("where", ["parts", "control_parts"])
def test_six_digits_count(where: str, value: float, same: bool) -> None:
    found = judged()
    found["detail"][where][0]["estimate"]["value"] = value
    assert (golden_of(found, RUN) == golden_of(judged(), RUN)) == same


def test_what_is_nothing_beside_its_interval_is_nothing() -> None:
    found = judged()
    found["detail"]["parts"][0]["estimate"]["high"] = -3e-18
    found["detail"]["mine"] = [2.0]
    assert golden_of(found, RUN) == golden_of(judged(), RUN)


def test_the_verdict_counts() -> None:
    found = judged()
    found["detail"]["parts"][0]["verdict"] = "refuted"
    assert list(golden_of(found, RUN).values()) != list(golden_of(judged(), RUN).values())


@pytest.mark.parametrize(
    "change",
    [
        {"models": [{"name": "gpt2", "sha256": "u"}]},
        {"corpus": {"name": "wikitext", "sha256": "c"}},
        {"corpus": {"name": "grammar", "sha256": "d"}},
        {"lexicon": {"sha256": "m"}},
        {"precision": {"dtype": "bfloat16"}},
        {"budget": "full"},
        {"seed": 1},
    ],
)
def test_other_circumstances_have_other_names_for_the_same_output(change: dict[str, Any]) -> None:
    one, other = golden_of(judged(), RUN), golden_of(judged(), RUN | change)
    assert set(one) != set(other)
    assert list(one.values()) == list(other.values())


@pytest.mark.parametrize(
    "change",
    [
        {"verdict": None},
        {"verdict": "not-applicable"},
        {"outcome": "error"},
        {"scope": {"kind": "other data", "prompts": ["a"]}},
    ],
)
def test_what_found_nothing_comparable_has_none(change: dict[str, Any]) -> None:
    assert golden_of({**judged(), **change}, RUN) == {}


def in_universes(**change: Any) -> Any:
    own = {"name": "fewer words", "verdict": "refuted", "point": False, "reason": "",
           "estimate": {"value": 0.2, "low": 0.1, "high": 0.3}}  # fmt: skip
    return {**judged(), "universes": {"n": 1, "agree": 0, "list": [{**own, **change}]}}


def test_universes_have_a_hash_beside_that_of_the_claim_itself() -> None:
    ((name, own),) = golden_of(judged(), RUN).items()
    found = golden_of(in_universes(), RUN)
    assert found.keys() == {name, f"{name}{UNIVERSES}"}
    assert found[name] == own
    assert golden_of(in_universes(reason="told otherwise"), RUN) == found


@pytest.mark.parametrize(
    "change",
    [{"name": "more words"}, {"verdict": "supported"}, {"point": True}, {"estimate": None},
     {"estimate": {"value": 0.2, "low": 0.1, "high": 0.30001}}],
)  # fmt: skip
def test_another_universe_and_another_finding_there_show(change: dict[str, Any]) -> None:
    found, other = golden_of(in_universes(), RUN), golden_of(in_universes(**change), RUN)
    assert [found[name] == other[name] for name in found] == [True, False]
