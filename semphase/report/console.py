"""The verdict table at the end of a pytest run."""

from __future__ import annotations

import io
from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from semphase.report.schema import Document, Entry, EstimateForm
from semphase.report.wording import (
    NOTHING,
    contrast,
    fragile,
    interval,
    leading,
    limit,
    not_specific,
    population,
    published,
    registration,
    relation,
    rule,
    strength,
    summary_line,
    undecided,
    unregistered,
    would_take,
)

WIDE = 200
COLOURS = {"supported": "green", "refuted": "red", "inconclusive": "yellow", "not-applicable": "dim"}


def lines(document: Document, width: int, coloured: bool) -> Iterator[str]:
    """The table, the summary line and the notices, for a terminal of `width` columns."""
    yield from render(document, width, coloured).splitlines()
    for notice in document["run"].get("notices", []):
        yield f"note: {notice}"


def render(document: Document, width: int, coloured: bool) -> str:
    """The table and the summary line as text of at most `width` columns."""
    stream = io.StringIO()
    console = Console(
        file=stream, width=width, force_terminal=coloured, color_system="standard" if coloured else None,
        highlight=False, legacy_windows=False,
    )  # fmt: skip
    entries = leading(document["claims"])
    console.print(_wide(entries) if width >= WIDE else _narrow(entries))
    console.print(Text(summary_line(document)))
    return stream.getvalue()


def _wide(entries: list[Entry]) -> Table:
    heads = ("claim", "model", "estimate", "population", "criterion", "verdict", "strength", "published", "relation")
    table = _table(entries, *heads, "contrast", "registered")
    for entry in entries:
        cells = (entry["id"], entry["model"] or NOTHING, _estimate(entry["estimate"]), _speaks_of(entry), rule(entry))
        ends = (strength(entry), published(entry), relation(entry), contrast(entry), registration(entry))
        table.add_row(*map(Text, cells), _verdict(entry), *map(Text, ends))
    return table


def _narrow(entries: list[Entry]) -> Table:
    """A few lines for each claim, a heading for each model."""
    table = _table(entries, "claim", "verdict", "published", "relation")
    heading = None
    for entry in entries:
        model = entry["model"] or "without a model"
        if model != heading:
            table.add_row(Text(model, style="bold underline"))
        heading = model
        claim: list[RenderableType] = [Text(entry["id"])]
        if entry["estimate"] is not None:
            claim += [Padding(Text(told, style="dim"), (0, 0, 0, 2)) for told in _evidence(entry)]
        if (told_of := unregistered(entry)) is not None:
            claim.append(Padding(Text(told_of, style="yellow"), (0, 0, 0, 2)))
        decided = _verdict(entry)
        if strength(entry) != NOTHING:
            decided.append(f"\n{strength(entry)}", style="dim")
        table.add_row(Group(*claim), decided, Text(published(entry)), Text(relation(entry)))
    return table


def _evidence(entry: Entry) -> Iterator[str]:
    estimate = _estimate(entry["estimate"])
    speaks = f" ({population(entry)})" if population(entry) != NOTHING else ""
    yield f"{estimate} against {rule(entry)}{speaks}"
    if contrast(entry) != NOTHING:
        yield f"contrast {contrast(entry)}"
    if undecided(entry) != NOTHING:
        yield undecided(entry)


def _speaks_of(entry: Entry) -> str:
    """The population, and beneath it what would decide."""
    form = entry.get("undecided")
    return f"{population(entry)}\n{would_take(form['needs'])}" if form else population(entry)


def _table(entries: list[Entry], *heads: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1))
    longest = max(len(entry["id"]) for entry in entries)
    for head in heads:
        table.add_column(head, overflow="fold", min_width=longest if head == "claim" else len(head))
    return table


def _estimate(estimate: EstimateForm | None) -> str:
    return interval(estimate) if estimate is not None else NOTHING


def _verdict(entry: Entry) -> Text:
    if entry["verdict"] is None:
        return Text("ERROR", style="bold red")
    told = Text(entry["verdict"], style=COLOURS[entry["verdict"]])
    if (limited := limit(entry)) is not None:
        told.append(f" ({limited})", style="yellow")
    if not_specific(entry):
        told.append("\nnot specific", style="yellow")
    if fragile(entry):
        told.append("\nfragile", style="yellow")
    if entry["outcome"] == "error" or (entry["outcome"] == "failed" and entry["verdict"] != "refuted"):
        told.append("\nfailed", style="bold red")
    return told
