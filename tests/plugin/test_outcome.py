"""The table from verdict and expectation to outcome, cell by cell."""

from __future__ import annotations

import itertools

import pytest

from semphase.plugin.expectations import Expected
from semphase.plugin.outcome import Rules, decide
from semphase.stats.estimate import Estimate
from semphase.verdict import Claim, Verdict, above

CLAIM = Claim("a.b", "s", "x > 0", (above(0),), "mean", "001", "random")
VERDICTS = ("supported", "refuted", "inconclusive", "not-applicable")


def verdict(name: str) -> Verdict:
    if name == "not-applicable":
        return Verdict(CLAIM, name, reason="needs CUDA")
    return Verdict(CLAIM, name, estimate=Estimate(1, 0, 2, "t", 3))  # type: ignore[arg-type]


TABLE = {
    ("supported", None): "passed", ("supported", "supported"): "passed", ("supported", "refuted"): "failed",
    ("refuted", None): "failed", ("refuted", "supported"): "failed", ("refuted", "refuted"): "xfailed",
    ("inconclusive", None): "inconclusive", ("inconclusive", "supported"): "inconclusive",
    ("inconclusive", "refuted"): "inconclusive", ("not-applicable", None): "skipped",
    ("not-applicable", "supported"): "skipped", ("not-applicable", "refuted"): "skipped",
}  # fmt: skip


@pytest.mark.parametrize("origin", ["recorded", "published"])
@pytest.mark.parametrize(("found", "wanted"), TABLE)
def test_the_table(found: str, wanted: str | None, origin: str) -> None:
    expected = Expected(wanted, origin) if wanted else None  # type: ignore[arg-type]
    decision = decide(verdict(found), expected, Rules())
    assert decision.outcome == TABLE[found, wanted]
    changed = {found, wanted} == {"supported", "refuted"}
    assert decision.message.startswith("verdict changed: ") == changed


@pytest.mark.parametrize(("found", "wanted"), [*itertools.product(VERDICTS, VERDICTS)])
def test_strict_fails_any_change_of_a_record_and_no_other(found: str, wanted: str) -> None:
    decision = decide(verdict(found), Expected(wanted, "recorded"), Rules(strict=True))
    assert (decision.outcome == "failed") == (found != wanted)
    if found != wanted:
        assert decision.message.startswith(f"verdict changed: expected {wanted}, found {found}: ")


@pytest.mark.parametrize("found", ["inconclusive", "not-applicable"])
def test_strict_leaves_published_verdicts_alone(found: str) -> None:
    lenient = decide(verdict(found), Expected("supported", "published"), Rules())
    assert decide(verdict(found), Expected("supported", "published"), Rules(strict=True)) == lenient


@pytest.mark.parametrize("found", VERDICTS)
def test_a_missing_record_fails_under_strict_only(found: str) -> None:
    missing = Expected("", "missing")
    assert decide(verdict(found), missing, Rules()) == decide(verdict(found), None, Rules())
    decision = decide(verdict(found), missing, Rules(strict=True))
    assert decision.outcome == "failed"
    assert decision.message == "no verdict is recorded for a.b: record it with nox -s accept"


@pytest.mark.parametrize("found", ["supported", "refuted"])
def test_a_record_of_not_applicable_is_no_expectation_without_strict(found: str) -> None:
    recorded = decide(verdict(found), Expected("not-applicable", "recorded"), Rules())
    assert recorded == decide(verdict(found), None, Rules())


def test_what_was_inconclusive_may_be_decided_on_another_machine_without_strict() -> None:
    recorded = Expected("inconclusive", "recorded")
    assert decide(verdict("supported"), recorded, Rules()).outcome == "passed"
    decision = decide(verdict("refuted"), recorded, Rules())
    assert decision.outcome == "xfailed"
    assert decision.message == "refuted, recorded inconclusive: 1 [0, 2] against x > 0"


@pytest.mark.parametrize("wanted", [None, *VERDICTS])
def test_fail_inconclusive_fails_every_inconclusive_verdict(wanted: str | None) -> None:
    expected = Expected(wanted, "recorded") if wanted else None
    assert decide(verdict("inconclusive"), expected, Rules(fail_inconclusive=True)).outcome == "failed"


@pytest.mark.parametrize(
    ("found", "outcome"), [*zip(VERDICTS, ("passed", "xfailed", "inconclusive", "skipped"), strict=True)]
)
def test_accepting_takes_every_verdict(found: str, outcome: str) -> None:
    for expected in (None, Expected("supported", "recorded"), Expected("refuted", "published")):
        assert decide(verdict(found), expected, Rules(accept=True, strict=True)).outcome == outcome


def test_messages_name_estimate_and_criterion() -> None:
    assert decide(verdict("refuted"), None, Rules()).message == "refuted: 1 [0, 2] against x > 0"
    assert decide(verdict("not-applicable"), None, Rules()).message == "needs CUDA"
