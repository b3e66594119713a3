"""The results as a table on the console and as Markdown."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from rich.console import Console
from rich.table import Table
from rich.text import Text

NOTABLE = 0.01
BASES = ("p", "a")
"""The methods whose seconds all others' are compared with."""
RATIOS = tuple(f"({base}) /\nown" for base in BASES)
HEADS = ("method", "heads\ntimed", "s, all\nheads", *RATIOS, "peak\nMiB", "PPL", "ΔPPL", "ΔPPL,\neach")
GROWTH = ("the engine, float32", "seconds", "seconds a head")
NOTHING = "–"


@dataclass(frozen=True)
class Difference:
    """Largest differences from the reference over the heads that both have measured.

    `perplexity` is relative to the perplexity, `effect` to the largest |ΔPPL|, `each` to the head's own |ΔPPL| where
    that is above 1 % of the largest.
    """

    perplexity: float
    effect: float
    each: float


def difference(changed: Float[np.ndarray, "method head"], unchanged: Float[np.ndarray, "method 1"]) -> Difference:
    """Of two methods' perplexities with and without each head; the first one is the reference."""
    effects, shift = changed - unchanged, np.abs(changed[1] - changed[0])
    size, off = np.abs(effects[0]), np.abs(effects[1] - effects[0])
    notable = size > NOTABLE * size.max()
    each = float((off[notable] / size[notable]).max()) if notable.any() else 0.0
    return Difference(float((shift / changed[0]).max()), float(off.max() / size.max()), each)


@dataclass(frozen=True)
class Row:
    """A method: what it was timed on, its time for all heads, how many times faster than the `BASES` it is, its memory."""

    name: str
    heads: int
    seconds: float
    ratios: tuple[float, ...]
    memory: float
    difference: Difference | None

    @property
    def cells(self) -> list[str]:
        """As the table shows it."""
        times = [f"{number:.3g}" for number in (self.seconds, *self.ratios)]
        told = [self.name, str(self.heads), *times, f"{self.memory:.0f}"]
        own = self.difference
        return [
            *told,
            *([NOTHING] * 3 if own is None else [f"{x:.1e}" for x in (own.perplexity, own.effect, own.each)]),
        ]


@dataclass(frozen=True)
class Results:
    """Everything that a run has found."""

    facts: dict[str, Any]
    machine: dict[str, Any]
    rows: list[Row]
    left_out: str | None
    remarks: list[str]
    growth: list[tuple[str, float, float]]

    @property
    def title(self) -> str:
        """What was measured."""
        own = self.facts
        return f"Single heads zeroed one after the other: {own['model']}, {own['chunks'] * own['length']} tokens"

    @property
    def table(self) -> list[list[str]]:
        """The cells of all methods; nnsight, before the engine's two rows, says why where it could not be had."""
        cells = [row.cells for row in self.rows]
        if self.left_out:
            cells.insert(len(cells) - 2, [f"(b) nnsight, left out: {self.left_out}", *[NOTHING] * (len(HEADS) - 1)])
        return cells

    @property
    def grown(self) -> list[list[str]]:
        """The cells of the engine's growth."""
        return [[name, f"{seconds:.3g}", f"{each:.3g}"] for name, seconds, each in self.growth]

    @property
    def circumstances(self) -> list[str]:
        """Model, text and machine."""
        own, machine = self.facts, self.machine
        memory = f"{machine['memory'] / 2**30:.0f} GiB" if machine["memory"] else "unknown memory"
        return [
            f"{own['parameters'] / 1e6:.3g}M parameters, {own['layers']} layers of {own['heads']} heads, raw weights, "
            f"float32; {own['chunks']} chunks of {own['length']} tokens of {own['corpus']}.",
            f"On {own['device']}; {machine['cpu']}, {machine['cores']} cores, {memory}, {machine['system']}; "
            f"torch {own['torch']}, {own['threads']} threads; {time.strftime('%Y-%m-%d')}.",
        ]


def show(found: Results, console: Console) -> None:
    """Print everything."""
    console.print(Text(found.title, style="bold"))
    for line in found.circumstances:
        console.print(Text(line))
    for heads, rows in ((HEADS, found.table), (GROWTH, found.grown)):
        console.print(listed(heads, rows))
    for line in found.remarks:
        console.print(Text(f"· {line}"))


def listed(heads: tuple[str, ...], rows: list[list[str]]) -> Table:
    """Rows for the console."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in heads:
        table.add_column(name, overflow="fold", no_wrap=name != heads[0])
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def markdown(found: Results) -> str:
    """The same for a file."""
    lines = [f"# {found.title}", "", *found.circumstances, "", *grid(HEADS, found.table), ""]
    lines += [f"- {line}" for line in found.remarks]
    lines += ["", "How the engine's time grows:", "", *grid(GROWTH, found.grown), ""]
    return "\n".join([*lines, "Written by `nox -s bench`; [README.md](README.md) says what the numbers mean.", ""])


def grid(heads: tuple[str, ...], rows: list[list[str]]) -> list[str]:
    """Rows as Markdown."""
    marks = ["---"] + ["---:"] * (len(heads) - 1)
    return ["| " + " | ".join(map(_cell, row)) + " |" for row in (list(heads), marks, *rows)]


def _cell(text: str) -> str:
    return text.replace("|", "/").replace("\n", " ")
