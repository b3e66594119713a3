"""The entries of a report in groups, as they are read: first what was found, last what no model was measured for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from semphase.report import wording
from semphase.report.schema import Entry, leads

MEANINGS = {
    "found": (
        "Found",
        "Supported, specific to the model and firm: the whole interval meets the criterion, no control does, and the "
        "verdict holds with all claims counted that could have been decided.",
    ),
    "reserved": (
        "Supported, with a reservation",
        "The whole interval meets the criterion, but a control meets it too or is not told apart, another defensible "
        "analysis turns the verdict, or it holds only by itself.",
    ),
    "refuted": (
        "Refuted",
        "None of the interval meets the criterion: on this evidence the claim does not hold.",
    ),
    "undecided": (
        "Undecided",
        "Inconclusive: part of the interval meets the criterion and part does not. Each claim says what would decide it.",
    ),
    "not-applicable": (
        "Not applicable",
        "The run lacks what these claims need, so nothing was judged.",
    ),
    "errors": (
        "Errors",
        "The measurement broke. That is no verdict, and the run counts it as failed.",
    ),
    "audit": (
        "Audit",
        "Published tables and formulas, recomputed: no model was measured, so nothing here speaks of one.",
    ),
}
"""The title of each group and what it means, in the order of reports."""
_ORDER = ("supported", "refuted", "inconclusive", "not-applicable")
_BY_VERDICT = {"refuted": "refuted", "inconclusive": "undecided", "not-applicable": "not-applicable"}


@dataclass(frozen=True, slots=True)
class Group:
    """Entries that a reader takes alike."""

    name: str
    entries: tuple[Entry, ...]

    @property
    def title(self) -> str:
        """The heading."""
        return MEANINGS[self.name][0]

    @property
    def meaning(self) -> str:
        """What being in the group says, in a sentence."""
        return MEANINGS[self.name][1]


def groups(entries: Sequence[Entry]) -> list[Group]:
    """The groups that have entries; within each the verdicts on one claim stand together."""
    ordered = sorted(entries, key=_order)
    found = [Group(name, tuple(entry for entry in ordered if group_of(entry) == name)) for name in MEANINGS]
    return [group for group in found if group.entries]


def _order(entry: Entry) -> tuple[int, str, str, str]:
    place = _ORDER.index(entry["verdict"]) if entry["verdict"] in _ORDER else len(_ORDER)
    return place, entry["group"], entry["id"], entry["model"] or ""


def group_of(entry: Entry) -> str:
    """The name of the entry's group."""
    if entry["verdict"] is None:
        return "errors"
    if entry["model"] is None:
        return "audit"
    if entry["verdict"] == "supported":
        return "reserved" if list(reservations(entry)) else "found"
    return _BY_VERDICT.get(entry["verdict"], "errors")


def reservations(entry: Entry) -> Iterator[str]:
    """What keeps a reader from taking a supported claim as found, in a word or two each."""
    if entry["verdict"] != "supported":
        return
    if wording.not_specific(entry):
        yield "not specific"
    elif not leads(entry) and not wording.older(entry):
        yield "no control"
    if entry.get("strength") != "firm":
        yield entry.get("strength") or "strength not told"
    if wording.fragile(entry):
        yield "fragile"


def remarks(entry: Entry) -> Iterator[str]:
    """What a reader must not miss beside the verdict, in a word or two each."""
    limited = wording.limit(entry)
    if limited:
        yield limited
    yield from reservations(entry)
    if entry["verdict"] != "supported":
        if entry.get("strength") == "nominal":
            yield "nominal"
        if wording.fragile(entry):
            yield "fragile"
    if entry["verdict"] is not None and entry["outcome"] == "error":
        yield "broke afterwards"
    if wording.unexpected(entry):
        yield "unexpected"
    if (wrong := wording.unregistered(entry)) is not None:
        yield wrong
