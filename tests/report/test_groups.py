"""Groups of claims, the evidence in words, the command that repeats one, and models side by side."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from semphase.report.evidence import evidence
from semphase.report.groups import MEANINGS, group_of, groups, remarks
from semphase.report.head import duration, facts, headline
from semphase.report.html.beside import beside
from semphase.report.properties import properties
from semphase.report.repeat import repeating
from semphase.report.schema import Document, Entry, Run, document_of


def test_each_entry_has_its_group(document: Document) -> None:
    found = groups(document["claims"])
    assert [(group.name, [entry["id"] for entry in group.entries]) for group in found] == [
        ("found", ["permeation.word-correlation"]),
        ("reserved", ["permeation.word-correlation"]),
        ("refuted", ["order.low"]),
        ("undecided", ["pi.sigma"]),
        ("not-applicable", ["order.two"]),
        ("errors", ["order.broken"]),
        ("audit", ["audit.table"]),
    ]
    assert [group.name for group in found] == list(MEANINGS)


FRAGILE: Any = {"n": 2, "agree": 1, "share": 0.5, "fragile": True, "undecided": 1, "list": []}


@pytest.mark.parametrize(
    ("change", "name", "told"),
    [
        ({}, "found", []),
        ({"strength": "nominal"}, "reserved", ["nominal"]),
        ({"specific": False}, "reserved", ["not specific"]),
        ({"specific": None, "control": None}, "reserved", ["no control"]),
        ({"universes": FRAGILE}, "reserved", ["fragile"]),
        ({"outcome": "failed"}, "found", ["unexpected"]),
        ({"registration": {"status": "unregistered", "date": None}}, "found", ["unregistered"]),
        ({"scope": {"kind": "other data"}}, "found", ["other data"]),
        ({"outcome": "error"}, "found", ["broke afterwards"]),
        ({"verdict": "refuted", "universes": FRAGILE, "strength": "nominal"}, "refuted", ["nominal", "fragile"]),
        ({"verdict": "refuted", "scope": {"kind": "reduced", "ratios": {}}}, "refuted", ["reduced"]),
        ({"verdict": None, "model": None}, "errors", []),
        ({"verdict": "of a later schema"}, "errors", []),
    ],
)  # fmt: skip
def test_what_a_reader_must_not_miss(document: Document, change: Any, name: str, told: list[str]) -> None:
    usual = next(entry for entry in document["claims"] if group_of(entry) == "found")
    entry: Entry = {**usual, **change}
    assert (group_of(entry), list(remarks(entry))) == (name, told)


def test_what_older_reports_do_not_tell_is_a_reservation(document: Document) -> None:
    usual: Any = next(entry for entry in document["claims"] if group_of(entry) == "found")
    control = {"name": "x", "estimate": usual["estimate"], "discriminating": True}
    older = {key: own for key, own in usual.items() if key not in ("specific", "strength")} | {"control": control}
    assert (group_of(older), list(remarks(older))) == ("reserved", ["strength not told"])


def test_evidence_is_in_sentences(document: Document) -> None:
    told = {entry["id"]: dict(evidence(entry)) for entry in document["claims"] if entry["model"] != "tiny"}
    found = told["permeation.word-correlation"]
    assert found["measured"] == (
        "0.9712 r, with a 95 % interval from 0.9633 to 0.9801 over 26 words, 1,326 prompts. "
        "The criterion is > 0.96, p = 0.01 (0.03 by Holm over the run): the test and the interval meet it."
    )
    assert found["control"] == (
        "Re-initialised weights: 0.2 [0.1, 0.3]. That misses the criterion, which the model alone meets. "
        "By its distance to the threshold the model is ahead of it by 0.7712 [0.5, 1.042] r."
    )
    assert found["published"] == "The source says supported (> 0.96)."
    assert told["audit.table"]["measured"].startswith("0.2 r, exactly: all there is was counted.")
    assert told["audit.table"]["control"] == "There is none to compare with."
    assert told["order.two"] == {
        "reason": "Needs 2 models, the study has 1.",
        "published": "The source says supported (> 0.96).",
    }
    assert told["order.broken"] == {"reason": "ValueError: <no>."}
    assert "would decide" in told["pi.sigma"]
    assert "to ∞" in told["pi.sigma"]["measured"]
    for name, sentences in told.items():
        assert all(sentence.endswith(".") for sentence in sentences.values()), name


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("pytest claims --model tiny --claims 'a.*' --claims b --out reports/x -q",
         "pytest claims --model tiny -q --claims=a.one --out=reports/again"),
        ("pytest --semphase-model=tiny --semphase-claims=b -n 2 --accept",
         "pytest --semphase-model=tiny --semphase-claims=a.one --semphase-out=reports/again"),
        ("pytest claims --junitxml=out.xml --dist loadgroup --budget quick",
         "pytest claims --budget quick --claims=a.one --out=reports/again"),
        ("pytest 'one folder/claims' -k 'x or y'",
         "pytest 'one folder/claims' -k 'x or y' --claims=a.one --out=reports/again"),
        ("pytest 'never closed", "pytest ''\"'\"'never' closed --claims=a.one --out=reports/again"),
    ],
)  # fmt: skip
def test_a_claim_is_repeated_by_its_runs_command(command: str, told: str) -> None:
    assert repeating(command, "a.one") == told
    assert shlex.split(repeating(command, "a; rm x"))[-2].endswith("claims=a; rm x")


def test_models_stand_side_by_side(document: Document, run: Run) -> None:
    assert beside(document) is None
    usual = next(entry for entry in document["claims"] if group_of(entry) == "found")
    verdicts = {
        "a.same": ("refuted", "refuted"),
        "a.other": ("supported", "refuted"),
        "a.part": ("inconclusive", "refuted"),
    }
    told: list[Entry] = [
        {**usual, "id": name, "model": model, "verdict": verdict}
        for name, both in verdicts.items()
        for model, verdict in zip(("tiny", "gpt2"), both, strict=True)
    ]
    told += [{**usual, "id": "a.once", "model": "tiny"}, {**usual, "id": "a.joint", "model": "tiny+gpt2"}]
    models: Any = [{"name": "tiny"}, {"name": "gpt2"}]
    found = beside(document_of({**run, "models": models}, told))
    assert found is not None
    assert found.models == ("tiny", "gpt2")
    assert [(line.claim, line.agreement) for line in found.lines] == [
        ("a.other", "opposed"), ("a.part", "partly"), ("a.same", "same"),
    ]  # fmt: skip
    assert [entry and entry["model"] for entry in found.lines[0].entries] == ["tiny", "gpt2"]
    assert (
        "3 claims were judged on more than one model: 1 with the same verdict on each, 1 supported on one"
        in found.sentence
    )


def test_the_head_says_on_what_was_judged(document: Document) -> None:
    assert headline(document) == "6 claims on gpt2"
    told = dict(facts(document))
    assert told["Model"] == "gpt2 (124.4M parameters, 12 layers, 12 heads)"
    assert told["Corpus"] == "grammar, 1,000 tokens"
    assert told["Commit"] == "ffffffffffff, with changes"
    assert told["Judged"] == "2026-01-31, 12.5 s on cpu"
    assert [duration(seconds) for seconds in (0.0123, 119, 600, 8000)] == ["0.0123 s", "119 s", "10 min", "2.2 h"]


def test_properties_say_what_an_entry_has(entries: list[Entry]) -> None:
    told = dict(properties(entries[0]))
    assert told == {
        "claim": "permeation.word-correlation", "model": "gpt2", "verdict": "supported", "point": "true",
        "value": "0.9712", "low": "0.9633", "high": "0.9801", "unit": "r", "threshold": "0.96",
        "control": "re-initialised weights", "control_value": "0.2", "relation": "model only", "specific": "true",
    }  # fmt: skip
    unbounded = dict(properties(entries[2]))
    assert "high" not in unbounded
    assert (unbounded["threshold_low"], unbounded["threshold_high"]) == ("0.5", "0.6")
    assert dict(properties(entries[5])) == {
        "claim": "order.broken", "model": "gpt2", "verdict": "error", "reason": "ValueError: <no>",
    }  # fmt: skip
