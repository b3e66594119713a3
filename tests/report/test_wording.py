"""The words of the reports for people."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semphase.report.schema import Document, Entry, Run, document_of
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
    strength,
    summary_line,
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
    assert [relation(entry) for entry in entries] == ["model only", "both", "both", "–", "–", "–", "–"]
    assert contrast(entries[0]) == "0.77 [0.6, 0.94] r"
    assert contrast(entries[3]) == strength(entries[3]) == "–"
    assert [rule(entry) for entry in entries][:3] == ["> 0.96", "> 0.96", "0.5 <= estimate <= 0.6"]
    assert rule(entries[5]) == published(entries[5]) == control(entries[5]) == "–"
    assert control(entries[0]) == "re-initialised weights: 0.2 [0.1, 0.3]"


def test_estimates_say_what_they_speak_of(entries: list[Entry]) -> None:
    told = [population(entries[at]["estimate"]) for at in (0, 2, 3, 4)]
    assert told == ["120 prompts", "–", "–", "5 things, all there are"]
    control_estimate = entries[0]["control"] and entries[0]["control"]["estimate"]
    assert population(control_estimate) == "5 documents and 4 seeds"


def test_a_census_is_exact(entries: list[Entry]) -> None:
    estimate = entries[4]["estimate"]
    assert estimate is not None
    assert interval(estimate) == "0.2 exact"


def test_specific_claims_lead(entries: list[Entry]) -> None:
    shown = leading(reversed(entries))
    assert next((entry["model"], entry["id"]) for entry in shown if entry["model"] == "gpt2") == (
        "gpt2", "permeation.word-correlation",
    )  # fmt: skip
    assert [entry["model"] for entry in shown] == [None, *["gpt2"] * 5, "tiny"]


def test_the_summary_counts_in_words(document: Document, run: Run, entries: list[Entry]) -> None:
    assert summary_line(document) == (
        "7 claims: 2 supported (1 specific), 2 refuted, 1 inconclusive, 1 not applicable; 3 firm, 1 nominal; 3 failed or "
        "broke (budget quick)"
    )
    assert summary_line(document_of(run, entries[:1])).startswith("1 claim: ")
