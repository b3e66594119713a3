"""The words of the reports for people."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semphase.report.console import render
from semphase.report.html import to_html
from semphase.report.markdown import to_markdown
from semphase.report.schema import Document, Entry, EstimateForm, Run, document_of
from semphase.report.wording import (
    contrast,
    control,
    interval,
    leading,
    number,
    population,
    published,
    relation,
    rule,
    scope,
    strength,
    summary_line,
    undecided,
    verdict,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.123456, "0.1235"), (687040.0, "687040"), (1e-9, "1e-09"), (3.5e12, "3.5e+12"), (0, "0"), (None, "∞")],
)
def test_numbers_have_four_digits(value: float | None, text: str) -> None:
    assert number(value) == text


@given(st.floats(-1e9, 1e9))
def test_a_printed_number_is_close_to_the_number(value: float) -> None:
    # Four significant digits round off at most half a unit of the fourth: 5e-4 of the value.
    assert float(number(value)) == pytest.approx(value, rel=5e-4, abs=1e-300)


def test_intervals_show_open_ends(entries: list[Entry]) -> None:
    estimate = entries[2]["estimate"]
    assert estimate is not None
    assert interval(estimate) == "3 [1, ∞]"
    assert interval({**estimate, "low": None, "unit": "nats"}) == "3 [−∞, ∞] nats"


def test_each_entry_is_worded(entries: list[Entry]) -> None:
    assert [verdict(entry) for entry in entries] == [
        "supported", "supported (not specific) (unexpected)", "inconclusive", "not-applicable",
        "refuted", "error", "refuted",
    ]  # fmt: skip
    assert [relation(entry) for entry in entries] == ["model only", "both", "both", "–", "control only", "–", "–"]
    assert [contrast(entry) for entry in entries][:3] == ["0.7712 [0.5, 1.042] r", "–", "–"]
    assert [population(entry) for entry in entries] == [
        "26 words, 1,326 prompts", "26 words, 1,326 prompts", "–", "–", "–", "–", "census",
    ]  # fmt: skip
    assert [rule(entry) for entry in entries][:3] == ["> 0.96", "> 0.96", "0.5 <= estimate <= 0.6"]
    assert rule(entries[5]) == published(entries[5]) == control(entries[5]) == "–"


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"smallest_effect": 0.05152, "needs": {"words": 41}}, "would take 41 words; this run decides from 0.05152 r on"),
        ({"smallest_effect": None, "needs": {"text": 4, "seeds": 1}}, "would take 4 text blocks, 1 seed; this run decides "
         "nothing"),
        ({"smallest_effect": 2.0, "needs": None}, "no size would decide; this run decides from 2 r on"),
        (None, "–"),
    ],
)  # fmt: skip
def test_what_would_decide_is_told(entries: list[Entry], form: Any, told: str) -> None:
    assert undecided({**entries[0], "undecided": form}) == told


def test_reports_from_before_power_say_nothing_of_it(entries: list[Entry]) -> None:
    older = {key: value for key, value in entries[2].items() if key != "undecided"}
    assert undecided(older) == "–"  # type: ignore[arg-type]
    assert control(entries[0]) == "re-initialised weights: 0.2 [0.1, 0.3]"


def test_the_summary_counts_in_words(document: Document, run: Run, entries: list[Entry]) -> None:
    assert summary_line(document) == (
        "7 claims: 2 supported (1 specific), 2 refuted, 1 inconclusive, 1 not applicable; "
        "2 verdicts firm, 2 nominal; 3 failed or broke (budget quick)"
    )
    assert summary_line(document_of(run, entries[:1])).startswith("1 claim: ")


def test_a_census_is_exact(entries: list[Entry]) -> None:
    assert entries[6]["estimate"] is not None
    assert interval(entries[6]["estimate"]) == "0.2 exact r"


@pytest.mark.parametrize(
    ("names", "units", "told"),
    [
        (["text"], [43], "43 text blocks"), (["text", "seeds"], [1, 4], "1 text block, 4 seeds"),
        (["words"], [1], "1 word"), (["rounding"], [3], "rounding"), ([], [], "–"),
    ],
)  # fmt: skip
def test_populations_come_with_their_numbers(
    entries: list[Entry], names: list[str], units: list[int], told: str
) -> None:
    assert entries[0]["estimate"] is not None
    estimate: EstimateForm = {**entries[0]["estimate"], "population": names, "units": units}
    assert population({**entries[0], "estimate": estimate}) == told


def test_tables_lead_with_what_is_supported_and_specific(document: Document) -> None:
    shown = [(entry["model"], entry["id"]) for entry in leading(document["claims"])]
    assert shown[:3] == [(None, "audit.table"), ("gpt2", "permeation.word-correlation"), ("gpt2", "order.broken")]
    assert [strength(entry) for entry in leading(document["claims"])][:2] == ["firm", "firm"]


@pytest.mark.parametrize(
    ("scope_form", "decided", "short", "told"),
    [
        (
            {"kind": "reduced", "ratios": {"tokens": 1 / 30, "words": 0.5}}, "refuted", "refuted (reduced)",
            "reduced: 0.03333 of the published tokens, 0.5 of the published words",
        ),
        ({"kind": "reduced", "ratios": {"words": 0.5}}, "supported", "supported", "reduced: 0.5 of the published words"),
        ({"kind": "other model", "ratios": {}}, "refuted", "refuted", "other model"),
        ({"kind": "as published", "ratios": {}}, "refuted", "refuted", "as published"),
        ({"kind": "unstated", "ratios": {}}, "refuted", "refuted", "unstated"),
        ({"kind": "other data", "ratios": {}, "prompts": ["own"]}, "supported", "supported (other data)", "other data: own"),
        (
            {"kind": "reduced", "ratios": {"words": 0.5}, "told": ["words", "seeds"]}, "refuted", "refuted (reduced)",
            "reduced: 0.5 of the published words (words, seeds as the claim counts)",
        ),
        ({"kind": "other data", "prompts": ["own"]}, "refuted", "refuted (other data)", "other data: own"),
    ],
)  # fmt: skip
def test_a_refutation_on_less_says_so(
    entries: list[Entry], run: Run, scope_form: Any, decided: str, short: str, told: str
) -> None:
    entry: Entry = {**entries[0], "verdict": decided, "specific": True, "scope": scope_form}
    assert (verdict(entry), scope(entry)) == (short, told)
    document = document_of(run, [entry])
    assert f"**{short}**" in to_markdown(document)
    for width in (80, 240):
        assert bool(re.search(rf"{re.escape(short)}( |$)", render(document, width, coloured=False), re.MULTILINE))
    html = to_html(document, Path())
    limited = f'<span class="remark">{scope_form["kind"]}</span>' in html
    assert limited == ("(" in short)
    assert all(part in html for part in told.partition(": ")[2].split(", "))


def test_reports_without_a_scope_are_worded(entries: list[Entry]) -> None:
    assert "scope" not in entries[0]
    assert scope(entries[0]) == "–"


def test_reports_of_schema_1_are_worded(entries: list[Entry]) -> None:
    new = ("specific", "strength", "p_decision")
    for discriminating, told in ((True, "yes"), (False, "no")):
        old: Any = {key: value for key, value in entries[0].items() if key not in new}
        estimate = {key: value for key, value in old["estimate"].items() if key not in ("population", "units")}
        old |= {"estimate": estimate, "control": {"name": "x", "estimate": estimate, "discriminating": discriminating}}
        assert (relation(old), contrast(old), strength(old), population(old)) == (told, "–", "–", "–")
        assert verdict(old) == ("supported" if discriminating else "supported (not specific)")
        assert interval(old["estimate"]) == "0.9712 [0.9633, 0.9801] r"
        assert leading([old]) == [old]
