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
    interval,
    leading,
    not_specific,
    population,
    published,
    registration,
    relation,
    rule,
    strength,
    summary_line,
    unregistered,
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
    heads = (
        "claim", "model", "estimate", "speaks of", "criterion", "verdict", "published", "relation", "contrast", "registered",
    )  # fmt: skip
    table = _table(entries, *heads)
    for entry in entries:
        estimate = entry["estimate"]
        cells = (entry["id"], entry["model"] or NOTHING, _estimate(estimate), population(estimate), rule(entry))
        ends = (published(entry), relation(entry), contrast(entry), registration(entry))
        table.add_row(*map(Text, cells), _verdict(entry), *map(Text, ends))
    return table


def _narrow(entries: list[Entry]) -> Table:
    """Two lines for each claim, a heading for each model."""
    table = _table(entries, "claim", "verdict", "published", "relation")
    heading = None
    for entry in entries:
        model = entry["model"] or "without a model"
        if model != heading:
            table.add_row(Text(model, style="bold underline"))
        heading = model
        claim: list[RenderableType] = [Text(entry["id"])]
        if entry["estimate"] is not None:
            told = Text(f"{interval(entry['estimate'])} against {rule(entry)}", style="dim")
            claim.append(Padding(told, (0, 0, 0, 2)))
            apart = f"; contrast {contrast(entry)}" if entry["control"] else ""
            claim.append(Padding(Text(f"of {population(entry['estimate'])}{apart}", style="dim"), (0, 0, 0, 2)))
        if (told_of := unregistered(entry)) is not None:
            claim.append(Padding(Text(told_of, style="yellow"), (0, 0, 0, 2)))
        table.add_row(Group(*claim), _verdict(entry), Text(published(entry)), Text(relation(entry)))
    return table


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
    if "scope" in entry:
        told.append(f"\n{entry['scope']['kind']}", style="yellow")
    if entry["strength"] is not None:
        told.append(f", {strength(entry)}", style="bold" if entry["strength"] == "firm" else "dim")
    if not_specific(entry):
        told.append("\nnot specific", style="yellow")
    if entry["outcome"] == "error" or (entry["outcome"] == "failed" and entry["verdict"] != "refuted"):
        told.append("\nfailed", style="bold red")
    return told
