"""What a verification concludes: each check passes and fails, and what nobody expected fails none."""

from __future__ import annotations

from typing import Any

import pytest

from semphase.plugin.checks import (
    Check,
    all_decided,
    all_judged,
    as_expected,
    findings,
    nothing_broken,
    verification_form,
)
from semphase.report.wording import conclusion


def told(name: str, verdict: str | None, expected: str = "", origin: str = "recorded", **rest: Any) -> dict[str, Any]:
    entry = {
        "id": name,
        "model": "gpt2",
        "verdict": verdict,
        "outcome": "error" if verdict is None else "passed",
        **rest,
    }
    return {
        "entry": entry,
        "expected": {"verdict": expected, "origin": origin} if expected or origin == "missing" else None,
    }


def test_a_claim_that_was_not_judged_fails():
    assert all_judged(3, 3).passed
    assert all_judged(3, None).passed
    assert all_judged(2, 3) == Check("claims judged", "2 of 3", passed=False)


def test_a_measurement_that_broke_fails_and_is_named():
    assert nothing_broken([told("order.high", "refuted")]).passed
    found = nothing_broken([told("order.high", "supported"), told("pi.low", None)])
    assert found == Check("no measurement broken", "1 broken: pi.low on gpt2", passed=False)


@pytest.mark.parametrize(
    ("verdict", "expected", "origin", "passed"),
    [
        ("supported", "supported", "recorded", True),
        ("refuted", "refuted", "published", True),
        ("refuted", "supported", "recorded", False),
        ("supported", "refuted", "published", False),
        ("inconclusive", "supported", "recorded", True),
        ("refuted", "inconclusive", "recorded", True),
        ("not-applicable", "supported", "recorded", False),
        ("not-applicable", "supported", "published", True),
    ],
)
def test_verdicts_are_compared_with_what_is_known(verdict: str, expected: str, origin: str, passed: bool):
    assert as_expected([told("order.high", verdict, expected, origin)], strict=False).passed is passed


def test_an_unlike_verdict_is_named_with_both():
    both = [told("order.high", "refuted", "supported"), told("pi.low", "refuted", "inconclusive")]
    found = as_expected(both, strict=False).found
    assert found == (
        "0 of 2 as recorded or published; 1 undecided on one side: pi.low on gpt2 (refuted, recorded inconclusive); "
        "1 unlike: order.high on gpt2 (refuted, recorded supported)"
    )


def test_strictly_any_change_and_any_missing_record_is_unlike():
    assert not as_expected([told("order.high", "inconclusive", "supported")], strict=True).passed
    missing = told("order.high", "supported", origin="missing")
    assert as_expected([missing], strict=False).passed
    assert "supported, and nothing is recorded" in as_expected([missing], strict=True).found


def test_what_broke_is_no_unlike_verdict():
    assert as_expected([told("order.high", None, "supported")], strict=True).passed


def test_undecided_verdicts_fail_where_the_run_asks_for_it():
    assert all_decided([told("order.high", "refuted")]).passed
    assert not all_decided([told("order.high", "inconclusive")]).passed


def test_findings_are_the_verdicts_that_nobody_expected():
    every = [
        told("a.a", "refuted", origin=""),
        told("a.b", "supported", origin="missing"),
        told("a.c", "refuted", "supported"),
        told("a.d", None, origin=""),
        told("a.e", "refuted", origin="", model=None),
    ]
    assert findings(every) == {"supported": ["a.b on gpt2"], "refuted": ["a.a on gpt2", "a.e"]}


def test_a_verification_passes_with_all_its_checks():
    good, bad = Check("one", "found", passed=True), Check("other", "found", passed=False)
    assert verification_form([good], [])["passed"]
    form = verification_form([good, bad], [told("a.a", "refuted", origin="")])
    assert not form["passed"]
    assert form["checks"][1] == {"name": "other", "found": "found", "passed": False}
    assert form["findings"] == {"refuted": ["a.a on gpt2"]}
    assert str(bad) == "FAIL  other: found"


def test_a_verification_that_repeated_nothing_says_so():
    good = Check("one", "found", passed=True)
    told = [verification_form([good], [], repeated) for repeated in (None, 0, 2)]
    assert [form.get("repeated") for form in told] == [None, 0, 2]
    assert [conclusion(form) for form in told] == ["passed", "passed, nothing repeated", "passed"]
    assert conclusion({**told[1], "passed": False}, "PASS", "FAIL") == "FAIL"
