"""`semphase power`: what would decide the undecided verdicts of a finished run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from semphase.errors import SemphaseError
from semphase.report.schema import Document, Entry
from semphase.report.stored import entries_of, read_report
from semphase.report.undecided import needs_of, undecided_of, units_of
from semphase.report.wording import counted, interval, number, would_take
from semphase.verdict.undecided import Undecided

_INDENT = (0, 0, 0, 2)
_MEANING = (
    "“would take”: at so many units, 80 % of simulated runs decide if the present value is the truth; “decides from”: at "
    "this distance from the threshold, 80 % of runs of the present size do. ≈: extremes, positions and tests, for which the "
    "interval is taken for a t on each side."
)


@dataclass(frozen=True, slots=True)
class Weighing:
    """The undecided entries of a report, each with its undecided parts, first the one that it waits for."""

    entries: tuple[tuple[Entry, tuple[Undecided, ...]], ...]

    def form(self) -> dict[str, Any]:
        """Both figures of each entry with those of its parts."""
        return {"undecided": [_form(entry, parts) for entry, parts in self.entries]}

    def __rich__(self) -> RenderableType:
        """A few lines for each entry, and what they mean."""
        if not self.entries:
            return Text("nothing is undecided")
        told = [line for entry, parts in self.entries for line in _section(entry, parts)]
        return Group(*told, Text(), Text(_MEANING, style="dim"))


def weighing(run: Path) -> Weighing:
    """All that is undecided in a stored report; SemphaseError where there is none that tells its units."""
    return _weighed(_report(run)["claims"])


def weighing_one(run: Path, claim: str) -> Weighing:
    """What a stored report leaves undecided of one claim; SemphaseError where it judged none such, or decided it."""
    entries = entries_of(_report(run), claim)
    weighed = _weighed(entries)
    if not weighed.entries:
        verdict = entries[0]["verdict"] or "broken"
        raise SemphaseError(f"{claim} is {verdict}, not undecided; `semphase power {run}` lists what is")
    return weighed


def _report(run: Path) -> Document:
    document = read_report(run)
    if document["schema"] < 2:
        raise SemphaseError(f"the report {run} has schema 1, which does not count units: judge the claims again")
    return document


def _weighed(entries: Iterable[Entry]) -> Weighing:
    each = ((entry, _undecided(entry)) for entry in entries)
    return Weighing(tuple((entry, parts) for entry, parts in each if parts))


def _undecided(entry: Entry) -> tuple[Undecided, ...]:
    """The undecided parts; SemphaseError for numbers of the right form that no run could have found."""
    try:
        return undecided_of(entry)
    except (ArithmeticError, AssertionError, LookupError, TypeError, ValueError, SemphaseError) as problem:
        raise SemphaseError(
            f"the report is broken: the parts of {entry['id']} cannot have been judged ({problem}); judge the claims again"
        ) from problem


def _form(entry: Entry, parts: tuple[Undecided, ...]) -> dict[str, Any]:
    return {
        "id": entry["id"],
        "model": entry["model"],
        "smallest_effect": parts[0].smallest_effect,
        "needs": needs_of(parts[0]),
        "parts": [_part_form(part) for part in parts],
    }


def _part_form(part: Undecided) -> dict[str, Any]:
    told = {key: value for key, value in asdict(part).items() if key not in ("population", "units", "needs")}
    return {**told, "units": units_of(part), "needs": needs_of(part)}


def _section(entry: Entry, parts: tuple[Undecided, ...]) -> Iterator[RenderableType]:
    yield Text(f"{entry['id']} · {entry['model'] or 'without a model'}", style="bold")
    told = {part["criterion"]: part["estimate"] for part in entry["detail"]["parts"]}
    for part in parts:
        speaks = counted(units_of(part))
        yield Padding(Text(f"{interval(told[part.criterion])} against {part.criterion} ({speaks})"), _INDENT)
        yield Padding(Text(f"{'≈ ' if part.approximate else ''}{_told(part)}", style="yellow"), _INDENT)
    if entry["reason"]:
        yield Padding(Text(entry["reason"], style="dim"), _INDENT)


def _told(part: Undecided) -> str:
    takes = would_take(needs_of(part))
    if part.needs:
        takes += f" ({number(part.needs[0] / part.units[0])} times as many)"
        takes += f", then {part.expected}" if part.expected else ""
    unit = f" {part.unit}" if part.unit else ""
    ends = [f"{call} from {number(effect)}{unit}" for call, effect in part.effects.items() if effect is not None]
    decides = f"decides {', '.join(ends)}" if ends else "decides nothing at this size"
    return f"{takes}; {decides}"
