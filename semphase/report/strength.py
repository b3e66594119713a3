"""Firm or nominal: does a verdict survive the correction for all the claims that could have been decided?

The family of a model holds every claim of the registry that may apply to it, whatever was selected: what was left out,
broke or came out undecided counts with p = 1. Support and refutation are two families, each by Holm's procedure (1979)
at 2.5 %. So neither choosing claims nor adding many to them makes one firm
that would not be in the whole run. A verdict on a census or on rounding is no
test: it is firm as it is, and no member.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from semphase.stats.estimate import CENSUS, ROUNDING
from semphase.stats.level import TAIL

if TYPE_CHECKING:
    from semphase.verdict import Claim

Entry = Mapping[str, Any]
"""An entry of a report, as `semphase.report.schema` has it."""
Reach = Literal["no model", "one model", "several models", "unknown"]
"""What a claim is judged on, as far as the run knows; "unknown" for one that is registered and was not collected."""
Strength = Literal["firm", "nominal"]
DECIDED = ("supported", "refuted")


def reach_of(claim: Claim) -> Reach:
    """What the claim is judged on."""
    if not claim.needs.model:
        return "no model"
    return "several models" if claim.models or claim.needs.models > 1 else "one model"


def strengths(entries: Iterable[Entry], family: Mapping[str, Reach]) -> dict[str, Strength | None]:
    """The strength of each entry of one model, by claim; None where nothing is decided."""
    listed = list(entries)
    members = {entry["id"] for entry in listed} | {
        name for name, reach in family.items() for entry in listed[:1] if reach in ("unknown", _reach(entry["model"]))
    }
    members -= {entry["id"] for entry in listed if not _tests(entry)}
    firm = {
        name
        for direction in DECIDED
        for name in holm(
            {entry["id"]: _p(entry) for entry in listed if entry["verdict"] == direction and _tests(entry)},
            len(members),
        )
    }
    firm |= {entry["id"] for entry in listed if not _tests(entry)}
    return {entry["id"]: _strength(entry, firm) for entry in listed}


def holm(p: Mapping[str, float], members: int) -> set[str]:
    """Whose p-values Holm's procedure rejects at 2.5 % in a family of so many members; the others' p is 1."""
    rejected = set()
    for rank, name in enumerate(sorted(p, key=p.__getitem__)):
        if p[name] * (members - rank) > TAIL:
            break
        rejected.add(name)
    return rejected


def _strength(entry: Entry, firm: set[str]) -> Strength | None:
    if entry["verdict"] not in DECIDED:
        return None
    return "firm" if entry["id"] in firm else "nominal"


def _tests(entry: Entry) -> bool:
    """Is the verdict a test on something sampled, or may it have been?"""
    estimate = entry["estimate"]
    if entry["verdict"] == "not-applicable":
        return False
    # A part that counts all there is can decide alone; then there is no p.
    settled = entry["verdict"] in DECIDED and entry["p_decision"] is None
    return not settled and (estimate is None or tuple(estimate["population"]) not in (CENSUS, ROUNDING))


def _p(entry: Entry) -> float:
    return 1.0 if entry["p_decision"] is None else entry["p_decision"]


def _reach(model: str | None) -> Reach:
    if model is None:
        return "no model"
    return "several models" if "+" in model else "one model"
