"""What a verification concludes from the claims that a run judged: what fails it, and what is merely found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from semphase.report.schema import CheckForm, VerificationForm

Told = Mapping[str, Any]
"""What a judged claim told the session."""
Agreement = Literal["alike", "near", "unlike"]
VERDICTS = ("supported", "refuted", "inconclusive", "not-applicable")


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the summary."""

    name: str
    found: str
    passed: bool

    def __str__(self) -> str:
        return f"{'PASS' if self.passed else 'FAIL'}  {self.name}: {self.found}"

    def form(self) -> CheckForm:
        """For the report."""
        return {"name": self.name, "found": self.found, "passed": self.passed}


def verification_form(checks: Sequence[Check], told: Iterable[Told], repeated: int | None = None) -> VerificationForm:
    """For the report: the checks, whether all passed, the findings, and how many samples of a device were `repeated`."""
    found: VerificationForm = {
        "passed": all(check.passed for check in checks),
        "checks": [check.form() for check in checks],
        "findings": findings(told),
    }
    return found if repeated is None else {**found, "repeated": repeated}


def all_judged(judged: int, collected: int | None) -> Check:
    """Did every claim of the run come to its end?"""
    known = judged if collected is None else collected
    return Check("claims judged", f"{judged} of {known}", judged >= known)


def nothing_broken(told: Iterable[Told]) -> Check:
    """Did a measurement break?"""
    broken = [_name(own) for own in told if own["entry"]["outcome"] == "error"]
    return Check("no measurement broken", _named("broken", broken) or "none broke", not broken)


def as_expected(told: Iterable[Told], *, strict: bool) -> Check:
    """Are the verdicts those that are recorded or published for this model?"""
    compared = [own for own in told if _is_compared(own, strict=strict)]
    if not compared:
        return Check("verdicts as expected", "nothing is recorded or published for what was judged", passed=True)
    by: dict[Agreement, list[Told]] = {"alike": [], "near": [], "unlike": []}
    for own in compared:
        by[_agreement(own, strict=strict)].append(own)
    parts = [
        f"{len(by['alike'])} of {len(compared)} as recorded or published",
        _named("undecided on one side", map(_against, by["near"])),
        _named("unlike", map(_against, by["unlike"])),
    ]
    return Check("verdicts as expected", "; ".join(filter(None, parts)), not by["unlike"])


def all_decided(told: Iterable[Told]) -> Check:
    """Is no verdict inconclusive? Asked for by --fail-inconclusive alone."""
    open_ones = [_name(own) for own in told if own["entry"]["verdict"] == "inconclusive"]
    return Check("verdicts decided", _named("inconclusive", open_ones) or "all are", not open_ones)


def findings(told: Iterable[Told]) -> dict[str, list[str]]:
    """Claims on whose verdict nobody had an expectation, by verdict."""
    found: dict[str, list[str]] = {verdict: [] for verdict in VERDICTS}
    for own in told:
        if own["entry"]["outcome"] != "error" and not _is_compared(own, strict=False):
            found[own["entry"]["verdict"]].append(_name(own))
    return {verdict: names for verdict, names in found.items() if names}


def _is_compared(own: Told, *, strict: bool) -> bool:
    expected = own["expected"]
    known = expected is not None and (expected["origin"] != "missing" or strict)
    return known and own["entry"]["outcome"] != "error"


def _agreement(own: Told, *, strict: bool) -> Agreement:
    """Another processor rounds otherwise, so an undecided verdict is near both others; strictly it is near none."""
    found, expected = own["entry"]["verdict"], own["expected"]
    if found == expected["verdict"]:
        return "alike"
    if expected["origin"] == "published":
        return "unlike" if {found, expected["verdict"]} == {"supported", "refuted"} else "near"
    return "near" if "inconclusive" in (found, expected["verdict"]) and not strict else "unlike"


def _against(own: Told) -> str:
    expected = own["expected"]
    if expected["origin"] == "missing":
        return f"{_name(own)} ({own['entry']['verdict']}, and nothing is recorded)"
    return f"{_name(own)} ({own['entry']['verdict']}, {expected['origin']} {expected['verdict']})"


def _name(own: Told) -> str:
    entry = own["entry"]
    return f"{entry['id']} on {entry['model']}" if entry["model"] else str(entry["id"])


def _named(what: str, names: Iterable[str]) -> str:
    listed = list(names)
    return f"{len(listed)} {what}: {', '.join(listed)}" if listed else ""
