"""From a verdict and what was expected to a pytest outcome."""

from __future__ import annotations

from dataclasses import dataclass

from semphase.plugin.expectations import Expected
from semphase.report.schema import Outcome
from semphase.verdict import Verdict

_USUAL: dict[str, Outcome] = {
    "supported": "passed",
    "refuted": "failed",
    "inconclusive": "inconclusive",
    "not-applicable": "skipped",
}


@dataclass(frozen=True, slots=True)
class Rules:
    """The run's options on outcomes: what fails besides a changed or refuted verdict."""

    fail_inconclusive: bool = False
    strict: bool = False
    accept: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """A pytest outcome, with the sentence that explains a failure, a skip or an expected refutation."""

    outcome: Outcome
    message: str = ""


def decide(verdict: Verdict, expected: Expected | None, rules: Rules) -> Decision:
    """The outcome of a judged claim.

    A verdict that is recorded while the run accepts counts as expected; strictness concerns records only.
    """
    found = verdict.verdict
    if rules.accept:
        return Decision("xfailed", f"refuted: {_against(verdict)}") if found == "refuted" else _usual(verdict, rules)
    if expected is None or (expected.origin == "missing" and not rules.strict):
        return _usual(verdict, rules)
    if expected.origin == "missing":
        return Decision("failed", f"no verdict is recorded for {verdict.claim.id}: record it with nox -s accept")
    return _compare(verdict, expected, rules)


def _compare(verdict: Verdict, expected: Expected, rules: Rules) -> Decision:
    found = verdict.verdict
    strict = rules.strict and expected.origin == "recorded"
    opposed = {found, expected.verdict} == {"supported", "refuted"}
    if opposed or (strict and found != expected.verdict):
        wanted = f"expected {expected.verdict}, found {found}"
        return Decision("failed", f"verdict changed: {wanted}: {_against(verdict)}")
    if found == expected.verdict == "refuted":
        return Decision("xfailed", f"refuted, as {expected.origin}: {_against(verdict)}")
    if (found, expected.verdict) == ("refuted", "inconclusive"):
        # Another processor rounds otherwise, and an interval that crossed its bound may come to lie beside it.
        return Decision("xfailed", f"refuted, {expected.origin} inconclusive: {_against(verdict)}")
    return _usual(verdict, rules)


def _usual(verdict: Verdict, rules: Rules) -> Decision:
    found = verdict.verdict
    if found == "inconclusive" and rules.fail_inconclusive:
        return Decision("failed", f"inconclusive: {_against(verdict)}")
    message = {"refuted": f"refuted: {_against(verdict)}", "not-applicable": verdict.reason}
    return Decision(_USUAL[found], message.get(found, ""))


def _against(verdict: Verdict) -> str:
    if verdict.estimate is None:
        return verdict.reason
    rule = next((part["criterion"] for part in verdict.detail.get("parts", ()) if part["deciding"]), None)
    return f"{verdict.estimate} against {rule or verdict.claim.criterion}"
