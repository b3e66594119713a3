"""`semphase show`: all that a report says of one claim."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from semphase.report import wording
from semphase.report.console import COLOURS
from semphase.report.line import line
from semphase.report.schema import Document, Entry, Run, UniversesForm
from semphase.report.stored import entries_of, read_report
from semphase.report.summarised import summarised

INDENT = (0, 0, 0, 2)


@dataclass(frozen=True, slots=True)
class Showing:
    """The entries of one claim, one for each model, and the run that judged it."""

    folder: Path
    run: Run
    entries: tuple[Entry, ...]

    def form(self) -> dict[str, Any]:
        """The entries and the run, with the report's own keys."""
        return {"run": dict(self.run), "entries": [dict(entry) for entry in self.entries]}

    def __rich__(self) -> RenderableType:
        """A section for each model, and where the numbers come from."""
        sections = [part for entry in self.entries for part in _section(entry, self.folder)]
        return Group(*sections, Rule(style="dim"), Text(_origin(self.run), style="dim"))


def showing(run: Path, claim: str) -> Showing:
    """What a stored report says of a claim; SemphaseError where there is no such report or claim."""
    document: Document = read_report(run)
    folder = run if run.is_dir() else run.parent
    return Showing(folder, document["run"], tuple(entries_of(document, claim)))


def _section(entry: Entry, folder: Path) -> Iterator[RenderableType]:
    name = entry["verdict"] or "error"
    yield Rule(Text(f"{entry['id']} · {entry['model'] or 'without a model'}", style="bold"), align="left")
    yield Text(wording.verdict(entry), style=f"bold {COLOURS.get(name, 'red')}")
    yield Padding(Text(entry["statement"], style="italic"), (0, 0, 1, 0))
    yield _grid(_facts(entry))
    parts = entry["detail"].get("parts", [])
    if len(parts) > 1:
        yield from _headed("parts", _parts(parts))
    if "universes" in entry:
        yield from _headed("universes", _universes(entry["universes"]))
    if rest := list(summarised(entry["detail"])):
        yield from _headed("detail", _grid((key, Text(told)) for key, told in rest))
    if entry["figures"]:
        yield from _headed("figures", _figures(entry["figures"], folder))
    yield Text()


def _facts(entry: Entry) -> Iterator[tuple[str, RenderableType]]:
    estimate = entry["estimate"]
    yield "criterion", Text(entry["criterion"])
    if estimate:
        yield "estimate", Text(f"{wording.interval(estimate)} against {wording.rule(entry)}", style="bold")
        yield "", line(entry)
        yield "interval", Text(f"{100 * estimate['level']:g} %, {estimate['method']}, n = {estimate['n']}")
    yield from ((name, Text(told)) for name, told in _told(entry) if told not in ("", wording.NOTHING))


def _told(entry: Entry) -> Iterator[tuple[str, str]]:
    """What is left out where there is nothing to say."""
    yield "population", wording.population(entry)
    yield "strength", _strength(entry)
    yield "undecided", wording.undecided(entry)
    yield "bare value", _bare_value(entry)
    yield "p", _p(entry)
    yield "control", wording.control(entry)
    yield ("discriminates" if wording.older(entry) else "relation"), wording.relation(entry)
    yield "contrast", wording.contrast(entry)
    source = entry["published"]
    yield "published", f"{source['verdict']} {source['value']}".strip() if source else ""
    yield "source", entry["source"]
    yield "scope", wording.scope(entry) if "scope" in entry else ""
    yield "reason", entry["reason"]
    yield "universes", _agreement(entry)
    yield "registered", wording.registration(entry)
    yield "outcome", f"{entry['outcome']}, {entry['seconds']:g} s"


def _bare_value(entry: Entry) -> str:
    return "" if entry["point"] is None else f"{'meets' if entry['point'] else 'misses'} the criterion"


def _p(entry: Entry) -> str:
    if entry["p_value"] is None:
        return ""
    return f"{wording.number(entry['p_value'])}, over the run (Holm) {wording.number(entry['p_adjusted'])}"


def _agreement(entry: Entry) -> str:
    told = wording.universes(entry)
    return told if told == wording.NOTHING else f"{told} agree{', fragile' if wording.fragile(entry) else ''}"


def _strength(entry: Entry) -> str:
    told, p = wording.strength(entry), entry.get("p_decision")
    return told + ("" if p is None else f", p of the decision {wording.number(p)}")


def _universes(found: UniversesForm) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="dim")
    for head in ("universe", "estimate", "verdict"):
        table.add_column(head, overflow="fold")
    for own in found["list"]:
        estimate = wording.NOTHING if own["estimate"] is None else wording.interval(own["estimate"])
        told = own["verdict"] + (f": {own['reason']}" if own["reason"] else "")
        table.add_row(Text(own["name"]), Text(estimate), Text(told, style=COLOURS.get(own["verdict"], "")))
    return table


def _parts(parts: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="dim")
    for head in ("part", "estimate", "p", "verdict"):
        table.add_column(head, overflow="fold")
    for part in parts:
        p = wording.NOTHING if part["p_value"] is None else wording.number(part["p_value"])
        told = part["verdict"] + (", decides" if part["deciding"] else "")
        cells = (part["criterion"], wording.interval(part["estimate"]), p)
        table.add_row(*map(Text, cells), Text(told, style=COLOURS.get(part["verdict"], "")))
    return table


def _figures(paths: list[str], folder: Path) -> RenderableType:
    there = [Text(str(folder / path)) for path in paths if (folder / path).is_file()]
    gone = [Text(f"{path} is not there", style="yellow") for path in paths if not (folder / path).is_file()]
    return Group(*there, *gone)


def _grid(rows: Iterator[tuple[str, RenderableType]] | list[tuple[str, RenderableType]]) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", overflow="fold")
    grid.add_column(overflow="fold")
    for name, cell in rows:
        grid.add_row(Text(name), cell)
    return grid


def _headed(head: str, shown: RenderableType) -> Iterator[RenderableType]:
    yield Text(f"\n{head}", style="bold")
    yield Padding(shown, INDENT)


def _origin(run: Run) -> str:
    models = ", ".join(model["name"] for model in run["models"]) or "no model"
    return (
        f"run {run['id']} of {run['started']}: {models}, budget {run['budget']}, seed {run['seed']}\n{run['command']}"
    )
