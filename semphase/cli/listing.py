"""`semphase list`: the claims of files, how they stand to their registries, what a run found."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from semphase.cli.declared import Declared, Found, find
from semphase.cli.outputs import outputs_of
from semphase.errors import SemphaseError
from semphase.report.console import COLOURS
from semphase.report.schema import Document, Entry
from semphase.report.stored import FILE, read_report
from semphase.report.wording import not_specific, registered, strength
from semphase.verdict import Claim, registry
from semphase.verdict.frozen import Frozen
from semphase.verdict.registration import gone
from semphase.verdict.registry import Registration, Registry
from semphase.verdict.standing import standing

LATEST = Path("reports/latest")
STYLES = {
    "registered": "green",
    "re-implemented": "green",
    "amended": "yellow",
    "changed": "yellow",
    "unregistered": "dim",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One claim with its registration and the entries of the run, one for each model."""

    declared: Declared
    registration: Registration
    entries: tuple[Entry, ...]

    def form(self) -> dict[str, Any]:
        """The row for programs."""
        claim = self.declared.claim
        return {
            "id": claim.id,
            "group": claim.group,
            "statement": claim.statement,
            "criterion": claim.criterion,
            "source": claim.source,
            "file": shortest(self.declared.file),
            "registration": {**asdict(self.registration), "remarks": list(self.registration.remarks)},
            "verdicts": [{key: entry[key] for key in ("model", "verdict", "outcome")} for entry in self.entries],
        }


@dataclass(frozen=True, slots=True)
class Listing:
    """All rows, the registries beside the files, and the run whose verdicts are shown."""

    rows: tuple[Row, ...]
    registries: tuple[Registry, ...]
    gone: tuple[str, ...]
    run: Path | None
    notices: tuple[str, ...]
    problems: tuple[str, ...]

    def form(self) -> dict[str, Any]:
        """The listing for programs."""
        return {
            "claims": [row.form() for row in self.rows],
            "gone": list(self.gone),
            "registries": [
                {"path": shortest(one.path), "head": one.head, "length": len(one.lines)} for one in self.registries
            ],
            "run": str(self.run) if self.run else None,
            "notices": list(self.notices),
            "problems": list(self.problems),
        }

    def __rich__(self) -> RenderableType:
        """A table, two lines for each claim, with a sentence of counts under it."""
        notices = [Text(f"note: {notice}", style="yellow") for notice in self.notices]
        return Group(*([_table(self)] if self.rows else []), Text(_counts(self)), *notices)


def listing(paths: Sequence[Path], run: Path | None) -> Listing:
    """What `semphase list` tells; SemphaseError for a file, registry or named report that cannot be read."""
    found = find(paths)
    registries = {one.file.parent.resolve(): registry.read(registry.beside(one.file)) for one in found.declared}
    place, document, notices = _report(run)
    known = [(one, registries[one.file.parent.resolve()], _entries(document, one.claim)) for one in found.declared]
    rows = [Row(one, _registration(one.own, own, document, entries), entries) for one, own, entries in known]
    return Listing(
        rows=tuple(rows),
        registries=tuple(one for one in registries.values() if one.lines),
        gone=tuple(_gone(paths, found, registries.values())),
        run=place,
        notices=(*found.skipped, *notices),
        problems=tuple(_rewritten(document, registries.values())),
    )


def _registration(own: Frozen, known: Registry, document: Document | None, entries: Sequence[Entry]) -> Registration:
    """As the registry has it; where the run judged the code as it is, its output tells whether it finds the same."""
    return standing(own, known, outputs_of(own, entries, document) if document else {})


def _table(found: Listing) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1))
    table.add_column("claim", ratio=1, overflow="fold")
    table.add_column("registered", overflow="fold", min_width=len("unregistered"))
    if found.run:
        table.add_column("verdict", overflow="fold", min_width=len("inconclusive"))
    for row in found.rows:
        cells = [_claim(row), status(row.registration), *([_verdicts(row)] if found.run else [])]
        table.add_row(*cells)
    return table


def status(registration: Registration) -> Text:
    """A registration in a few words."""
    told = registered(registration.status, registration.date, registration.remarks)
    return Text(told, style="yellow" if registration.remarks else STYLES[registration.status])


def shortest(path: Path) -> str:
    """A path from here where it lies below, else as a whole; with slashes on every system."""
    relative = os.path.relpath(path)
    return (path if relative.startswith("..") else Path(relative)).as_posix()


def _claim(row: Row) -> RenderableType:
    claim = row.declared.claim
    return Group(Text(claim.id), Padding(Text(claim.criterion, style="dim"), (0, 0, 0, 2)))


def _verdicts(row: Row) -> Text:
    several = len(row.entries) > 1
    told = Text("\n").join(
        Text(f"{entry['model']}: " if several else "")
        .append(entry["verdict"] or "ERROR", style=COLOURS.get(entry["verdict"] or "", "bold red"))
        .append(_remarks(entry), style="dim")
        for entry in row.entries
    )
    return told if row.entries else Text("–", style="dim")


def _remarks(entry: Entry) -> str:
    """What limits the verdict; nothing of a firm one on the model alone."""
    told = (["not specific"] if not_specific(entry) else []) + [own for own in [strength(entry)] if own == "nominal"]
    return f" ({', '.join(told)})" if told else ""


def _counts(found: Listing) -> str:
    counts = Counter(row.registration.status for row in found.rows)
    noun = "claim" if len(found.rows) == 1 else "claims"
    more = [f"{counts[own]} {own}, " for own in ("amended", "re-implemented") if counts[own]]
    told = (
        f"{len(found.rows)} {noun}: {counts['registered']} registered, {''.join(more)}{counts['changed']} changed since, "
        f"{counts['unregistered']} unregistered"
    )
    told += f"; registered but no longer judged: {', '.join(found.gone)}" if found.gone else ""
    return told + (f"; verdicts from {found.run}" if found.run else "")


def _report(run: Path | None) -> tuple[Path | None, Document | None, list[str]]:
    """The report that is named, else the latest if there is one; a latest that is broken is a notice."""
    if run is not None:
        return run, read_report(run), []
    if not (LATEST / FILE).exists():
        return None, None, []
    try:
        return LATEST, read_report(LATEST), []
    except SemphaseError as problem:
        return None, None, [str(problem)]


def _entries(document: Document | None, claim: Claim) -> tuple[Entry, ...]:
    """What the run found of the claim as it stands; a verdict under another rule is none of its."""
    rule = (claim.id, claim.statement, claim.criterion)
    found = document["claims"] if document else ()
    return tuple(
        entry
        for entry in found
        if (entry["id"], entry["statement"], entry["criterion"]) == rule and _under(claim, entry)
    )


def _under(claim: Claim, entry: Entry) -> bool:
    told = entry["detail"].get("parts")
    return not told or [part["criterion"] for part in told] == [str(part) for part in claim.parts]


def _gone(paths: Sequence[Path], found: Found, registries: Iterable[Registry]) -> Iterable[str]:
    """Known only of folders that are listed as a whole."""
    whole = {path.resolve() for path in paths if path.is_dir()}
    for one in registries:
        folder = one.path.parent.resolve()
        if any(folder.is_relative_to(path) for path in whole):
            yield from gone([own.own for own in found.declared if own.file.parent.resolve() == folder], one)


def _rewritten(document: Document | None, registries: Iterable[Registry]) -> Iterable[str]:
    """Registries that no longer begin with what the run saw: a tail was cut, or the log was written anew."""
    seen = {_place(path): form for path, form in (document["run"].get("registry", {}) if document else {}).items()}
    for one in registries:
        form = seen.get(one.path.resolve())
        if form is not None and not one.holds(form["head"], form["length"]):
            yield (
                f"the registry {shortest(one.path)} no longer holds the {form['length']} lines that the run saw, "
                "so it was cut or written anew: restore it"
            )


def _place(path: str) -> Path | None:
    """Where a path of a report leads; None for one that no file can have."""
    try:
        return Path(path).resolve()
    except ValueError:
        return None
