"""Entries, counts and the correction over the run."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from semphase.report.schema import Document, Entry, Run, document_of, published_for, summary_of
from semphase.verdict import Claim, Published, above
from tests.report.conftest import FAMILY


def claim(published: dict[str, Published]) -> Claim:
    return Claim("a.b", "s", "x > 0", (above(0),), "mean", "001", "random", published=published)


def test_the_document_is_ordered_by_model_and_id(document: Document) -> None:
    places = [(entry["model"] or "", entry["group"], entry["id"]) for entry in document["claims"]]
    assert places == sorted(places)
    assert document["schema"] == 2


def test_verdicts_and_failures_are_counted(document: Document) -> None:
    assert document["summary"] == {
        "supported": 2, "specific": 1, "refuted": 2, "firm": 2, "nominal": 2, "fragile": 0, "inconclusive": 1,
        "not_applicable": 1, "failed": 3,
    }  # fmt: skip


def test_holm_runs_over_the_entries_with_a_p_value(document: Document) -> None:
    found = {entry["p_value"]: entry["p_adjusted"] for entry in document["claims"]}
    # Holm by hand: 3·0.01, then max(0.03, 2·0.04), then max(0.08, 0.5).
    assert found == {
        None: None,
        0.01: pytest.approx(0.03),
        0.04: pytest.approx(0.08),
        0.5: pytest.approx(0.5),
    }


@pytest.mark.usefixtures("uncollected")
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(p_values=st.lists(st.floats(0, 1), max_size=12))
def test_correction_is_holms_step_down(entries: list[Entry], p_values: list[float]) -> None:
    listed = [{**entries[0], "id": f"a.{place:02}", "p_value": p} for place, p in enumerate(p_values)]
    found = [entry["p_adjusted"] for entry in document_of({}, listed)["claims"]]  # type: ignore[typeddict-item, arg-type]
    ordered, reached = sorted(p_values), 0.0
    expected = {}
    for place, p in enumerate(ordered):
        reached = max(reached, min(1.0, (len(ordered) - place) * p))
        expected.setdefault(p, reached)
    for p, adjusted in zip(p_values, found, strict=True):
        assert adjusted is not None
        # Ties share the smallest of their steps or a later, larger one; both bound Holm's value.
        assert p <= adjusted <= 1.0
        if Counter(p_values)[p] == 1:
            assert adjusted == pytest.approx(expected[p], abs=1e-12)


def test_entries_tell_the_estimate_the_control_and_both_thresholds(document: Document) -> None:
    found = {entry["id"]: entry for entry in document["claims"] if entry["model"] == "gpt2"}
    assert found["permeation.word-correlation"]["estimate"] == {
        "value": 0.9712, "low": 0.9633, "high": 0.9801, "level": 0.95, "unit": "r", "n": 120,
        "method": "BCa bootstrap over prompts", "population": ["words", "prompts"], "units": [26, 1326],
    }  # fmt: skip
    assert found["permeation.word-correlation"]["control"] is not None
    assert found["permeation.word-correlation"]["control"]["relation"] == "model only"
    contrast = found["permeation.word-correlation"]["control"]["contrast"]
    assert contrast is not None
    assert (contrast["value"], contrast["low"]) == (0.7712, 0.5)
    assert found["permeation.word-correlation"]["specific"] is True
    assert found["permeation.word-correlation"]["p_decision"] == 1e-9
    assert found["pi.sigma"]["threshold"] == [0.5, 0.6]
    assert found["pi.sigma"]["estimate"] is not None
    assert found["pi.sigma"]["estimate"]["high"] is None
    assert found["order.broken"]["verdict"] is found["order.broken"]["estimate"] is None


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gpt2", {"verdict": "supported", "value": "0.98"}),
        ("gpt2-medium", {"verdict": "refuted", "value": ""}),
        ("tiny", {"verdict": "supported", "value": "gpt2: 0.98"}),
        (None, {"verdict": "supported", "value": "gpt2: 0.98"}),
    ],
)
def test_the_published_verdict_names_its_model(model: str | None, expected: dict[str, str]) -> None:
    told = {"gpt2": Published("supported", "0.98"), "gpt2-medium": Published("refuted")}
    assert published_for(claim(told), model) == expected


def test_a_claim_of_ours_has_no_published_verdict() -> None:
    assert published_for(claim({}), "gpt2") is None


def test_an_empty_run_counts_nothing(run: Run) -> None:
    assert set(summary_of([]).values()) == {0}
    assert document_of(run, [])["claims"] == []


def test_strength_allows_for_all_that_could_have_been_judged(run: Run, entries: list[Entry]) -> None:
    # On tiny one claim was judged, with p = 0.02; of three, two of them left out, it would need 0.025/3.
    found = {(e["id"], e["model"]): e["strength"] for e in document_of(run, entries, {})["claims"]}
    assert found["permeation.word-correlation", "gpt2"] == "firm"
    assert found["permeation.word-correlation", "tiny"] == "firm"
    assert found["order.low", "gpt2"] == "nominal"
    assert found["audit.table", None] == "firm"
    assert found["order.two", "gpt2"] is found["pi.sigma", "gpt2"] is found["order.broken", "gpt2"] is None
    counted = {(e["id"], e["model"]): e["strength"] for e in document_of(run, entries, FAMILY)["claims"]}
    assert counted["permeation.word-correlation", "gpt2"] == "firm"
    assert counted["permeation.word-correlation", "tiny"] == "nominal"


def test_only_what_is_inconclusive_says_what_it_would_take(entries: list[Entry]) -> None:
    told = [entry["id"] for entry in entries if entry["undecided"] is not None]
    assert told == [entry["id"] for entry in entries if entry["verdict"] == "inconclusive"] == ["pi.sigma"]
