"""Scope in a run: how much a claim read, what is expected of it then, and what its reader sees."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from semphase.data.lexicon.words import Lexicon
from semphase.plugin.measured_on import measured_on
from semphase.stats.estimate import Estimate
from semphase.verdict import Claim, Verdict, above
from semphase.verdict.claim import LEXICON, TEXT
from tests.plugin.conftest import Make, Ran

ORIGIN = {"corpus": {"tokens": 5000}, "lexicon": {"words": 12}}
ESTIMATE = Estimate(1.0, 0.9, 1.1, "bootstrap", 20)
CLAIMS = """
from stubs import HIGH, LOW, declare
from semphase import LEXICON, Published

def published(verdict, **counts):
    return {"gpt2": Published(verdict, setting={"model": "gpt2", **counts})}

@declare("a.full", data=LEXICON, published=published("refuted", words=2))
def test_full(study, judge):
    judge(LOW, control=LOW)

@declare("a.reduced", data=LEXICON, published=published("refuted", words=8))
def test_reduced(study, judge):
    judge(LOW, control=LOW)

@declare("a.supported", data=LEXICON, published=published("refuted", words=8))
def test_supported(study, judge):
    judge(HIGH, control=LOW)

@declare("a.counted", published=published("refuted", tokens=100, documents=50))
def test_counted(study, judge):
    judge(LOW, control=LOW, detail={"measured on": {"tokens": 25, "documents": 50}})

@declare("a.unstated", published={"gpt2": Published("refuted")})
def test_unstated(study, judge):
    judge(LOW, control=LOW)
"""


@pytest.fixture(scope="module")
def ran(make: Make) -> Ran:
    return make(CLAIMS).run("--model=gpt2", width=120)


def test_every_entry_has_a_scope(ran: Ran) -> None:
    assert {name: entry["scope"] for name, entry in ran.entries.items()} == {
        "a.full": {"kind": "as published", "ratios": {}},
        "a.reduced": {"kind": "reduced", "ratios": {"words": 0.25}},
        "a.supported": {"kind": "reduced", "ratios": {"words": 0.25}},
        "a.counted": {"kind": "reduced", "ratios": {"tokens": 0.25}, "told": ["tokens", "documents"]},
        "a.unstated": {"kind": "unstated", "ratios": {}},
    }


def test_a_published_verdict_is_expected_at_its_size_alone(ran: Ran) -> None:
    assert {name: entry["outcome"] for name, entry in ran.entries.items()} == {
        "a.full": "xfailed", "a.reduced": "failed", "a.supported": "passed", "a.counted": "failed",
        "a.unstated": "failed",
    }  # fmt: skip


def test_the_table_says_it_of_refutations(ran: Ran) -> None:
    assert ran.out.count("refuted (reduced)") == 2
    assert "supported (reduced)" not in ran.out


def test_other_models_are_another_scope(make: Make) -> None:
    entries = make(CLAIMS).run("--model=tiny").entries
    assert [entries[f"a.{name}"]["scope"]["kind"] for name in ("full", "reduced", "unstated")] == [
        "other model", "reduced", "unstated",
    ]  # fmt: skip


def claim(*data: Any) -> Claim:
    return Claim("a.b", "s", "x > 0", (above(0),), "mean", "001", "random", data=data)


@pytest.mark.parametrize(
    ("data", "limit", "detail", "found"),
    [
        ((TEXT,), 2048, {}, {"tokens": 2048}),
        ((TEXT,), 16384, {}, {"tokens": 5000}),
        ((TEXT,), None, {}, {"tokens": 5000}),
        ((LEXICON,), 2048, {}, {"words": 12}),
        ((LEXICON, TEXT), 2048, {}, {"tokens": 2048, "words": 12}),
        ((Lexicon(()),), 2048, {}, {"words": 0}),
        ((), 2048, {}, {}),
        ((TEXT,), 2048, {"measured on": {"tokens": 480, "seeds": 4}}, {"tokens": 480, "seeds": 4}),
    ],
)
def test_a_claim_reads_what_it_names_or_counts(
    data: tuple[Any, ...], limit: int | None, detail: dict[str, Any], found: dict[str, float]
) -> None:
    own = claim(*data)
    study = SimpleNamespace(budget=SimpleNamespace(tokens=limit))
    verdict = Verdict(own, "refuted", False, ESTIMATE, detail=detail)
    assert measured_on(own, ORIGIN, study, verdict) == found


def test_nothing_is_measured_without_a_model_or_a_verdict() -> None:
    own = claim(LEXICON)
    assert measured_on(own, None, None, Verdict(own, "refuted", False, ESTIMATE)) == {}
    assert measured_on(own, ORIGIN, None, None) == {}
    assert measured_on(own, ORIGIN, None, Verdict(own, "not-applicable", reason="needs words")) == {}
