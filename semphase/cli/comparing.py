"""`semphase compare`: which verdicts differ between two runs, by how much, and what else does."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from semphase.cli import output
from semphase.errors import SemphaseError
from semphase.files import write_or_refuse
from semphase.report.archive import archived_beside, is_archive, report_in, samples_in
from semphase.report.comparison.compared import HEADINGS, Comparison, Row, compared
from semphase.report.comparison.page import to_html
from semphase.report.comparison.shift import Side
from semphase.report.comparison.wording import after, before, changed, sentence
from semphase.report.console import COLOURS
from semphase.report.schema import Entry
from semphase.report.stored import read_report

STANDARD = "-"
CHANGED = 1
"""The exit code where anything changed, as that of diff."""
REFUSED = 2
WIDE = 120
_INDENT = (0, 0, 0, 2)


@dataclass(frozen=True, slots=True)
class Comparing:
    """A comparison, for the terminal."""

    found: Comparison

    def form(self) -> dict[str, Any]:
        """For programs."""
        return self.found.form()

    def __rich__(self) -> RenderableType:
        """What changed, by kind; then what differed between the runs, and what the reader should know."""
        shown: list[RenderableType] = [_Changes(self.found)] if self.found.changed else []
        if self.found.differences:
            shown += [Text("what differed between the runs", "bold"), _differences(self.found), Text()]
        notices = [Text(f"note: {notice}", style="yellow") for notice in self.found.notices]
        return Group(*shown, *notices, Text(sentence(self.found)))


@dataclass(frozen=True, slots=True)
class _Changes:
    """What changed, the gravest first: a table where there is room, else a few lines for each claim."""

    found: Comparison

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        for kind in self.found.counts():
            rows = [row for row in self.found.changed if row.kind == kind]
            if not rows:
                continue
            yield Text(HEADINGS[kind], style="bold underline")
            if kind == "one run only":
                yield from map(_alone, rows)
            elif options.max_width >= WIDE:
                yield _table(rows)
            else:
                yield from (line for row in rows for line in _block(row))
            yield Text()


def comparing(before: Path, after: Path, renamed: Sequence[str]) -> Comparing:
    """The comparison of two stored runs; SemphaseError where one cannot be read, or a renamed model is none of theirs."""
    names = _pairs(renamed)
    sides = _side(before), _side(after)
    return Comparing(compared(*sides, (str(before), str(after)), names))


def tell(found: Comparing, to_json: str, page: str) -> None:
    """Write the files that are asked for, and print the table unless JSON takes its place."""
    if page:
        write_or_refuse(Path(page), to_html(found.found).encode(errors="replace"), "the page")
    told = json.dumps(found.form(), indent=2, allow_nan=False)
    if to_json == STANDARD:
        print(told)
        return
    if to_json:
        write_or_refuse(Path(to_json), f"{told}\n".encode(), "the comparison")
    output.tell(found, as_json=False)


def refuse_places(before: Path, after: Path, to_json: str, page: str) -> None:
    """SemphaseError for files that would take the place of what is read, or of each other, or that are folders."""
    places = [Path(place) for place in (to_json, page) if place and place != STANDARD]
    if page == STANDARD:
        raise SemphaseError("--html takes a file: a page on the terminal helps nobody")
    for place in places:
        if place.is_dir():
            raise SemphaseError(f"{place} is a folder: name a file")
    read = [own for run in (before, after) for own in (run, run / "verdicts.json")]
    if any(_same(place, own) for place in places for own in read) or (len(places) == 2 and _same(*places)):
        raise SemphaseError(
            "a comparison must not be written over a report or another file of its own: name another file"
        )


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve() or (one.exists() and other.exists() and one.samefile(other))


def _side(run: Path) -> Side:
    if is_archive(run):
        return Side(report_in(run), samples_in(run))
    document = read_report(run)
    beside = archived_beside(run)
    kept = samples_in(beside) if beside and report_in(beside)["run"]["id"] == document["run"]["id"] else {}
    return Side(document, kept)


def _pairs(renamed: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for given in renamed:
        old, between, new = given.partition("=")
        if not (old and between and new):
            raise SemphaseError(
                f"--renamed takes OLD=NEW, the model's names in the first and second run, not {given!r}"
            )
        if old in found:
            raise SemphaseError(f"--renamed names {old!r} twice: give each model once")
        found[old] = new
    return found


def _table(rows: Sequence[Row]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="dim")
    for head in ("claim", "model", "before", "after", "change"):
        table.add_column(head, overflow="fold")
    for row in rows:
        last = "\n".join([changed(row), *(told for _, told in _further(row))])
        table.add_row(Text(row.id), Text(row.model), *_both(row), Text(last))
    return table


def _block(row: Row) -> Iterator[RenderableType]:
    head = Text(row.id, style="bold")
    head.append(f" · {row.model}", style="dim")
    yield head
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim")
    grid.add_column(overflow="fold")
    named = zip(("before", "after", "change"), (*_both(row), Text(changed(row))), strict=True)
    for name, cell in (*named, *((name, Text(told)) for name, told in _further(row))):
        grid.add_row(Text(name), cell)
    yield Padding(grid, _INDENT)


def _alone(row: Row) -> Text:
    which = "first" if row.pair.before else "second"
    told = before(row) if row.pair.before else after(row)
    return Text(f"{row.id} · {row.model}, in the {which}: {told}")


def _both(row: Row) -> tuple[Text, Text]:
    pair = row.pair
    return Text(before(row), style=_colour(pair.before)), Text(after(row), style=_colour(pair.after))


def _further(row: Row) -> Iterator[tuple[str, str]]:
    """What else there is to say of a change."""
    if row.standing:
        yield "standing", "; ".join(row.standing)
    if row.claim:
        yield "claim", "; ".join(row.claim)
    for entry in (row.pair.before, row.pair.after):
        if entry and entry["reason"] and row.kind in ("error", "applicability"):
            yield "reason", entry["reason"]


def _colour(entry: Entry | None) -> str:
    return COLOURS.get(entry["verdict"] or "", "red") if entry else ""


def _differences(found: Comparison) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="dim")
    for head in ("", "before", "after"):
        table.add_column(head, overflow="fold")
    for own in found.differences:
        table.add_row(*map(Text, (own.what, own.before, own.after)))
    return table


def refused(problem: str) -> int:
    """Say on standard error what was wrong with the input; the exit code."""
    print(f"semphase: {problem}", file=sys.stderr)
    return REFUSED
