"""The results of the benchmark of generation as a table on the console and as Markdown."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from results import grid, listed
from rich.console import Console
from rich.text import Text

THEIRS, PLAIN = "transformers' generate", "engine"
HEADS = ("method", "prompt, s", "step, ms", "tokens/s,\nsteps", "tokens/s,\nwhole", "step /\ntheirs")


@dataclass(frozen=True)
class Row:
    """A method on some prompts: seconds of the prompts' pass and of all steps behind it, run by run."""

    name: str
    prompts: int
    context: int
    tokens: int
    runs: Sequence[tuple[float, float]]

    @property
    def steps(self) -> list[float]:
        """Seconds of a step, run by run; the prompts' pass makes the first token."""
        return [rest / (self.tokens - 1) for _, rest in self.runs]

    def ratio(self, other: Row) -> float:
        """The median of this method's time for a step over another's, run by run."""
        return median(own / its for own, its in zip(self.steps, other.steps, strict=True))

    def cells(self, theirs: Row) -> list[str]:
        """As the table shows it."""
        firsts, wholes = [first for first, _ in self.runs], [sum(run) for run in self.runs]
        return [
            self.name,
            _spread(firsts),
            _spread([1e3 * each for each in self.steps]),
            f"{self.prompts / median(self.steps):.4g}",
            f"{self.prompts * self.tokens / median(wholes):.4g}",
            f"{self.ratio(theirs):.2f}",
        ]


def table(rows: Sequence[Row]) -> tuple[str, list[list[str]]]:
    """The name and the cells of the methods on the same prompts."""
    theirs = next(row for row in rows if row.name == THEIRS)
    return f"{theirs.prompts} × {theirs.context:,} tokens", [row.cells(theirs) for row in rows]


@dataclass(frozen=True)
class Results:
    """Everything that a run has found."""

    facts: dict[str, Any]
    machine: dict[str, Any]
    rows: list[Row]

    @property
    def title(self) -> str:
        """What was measured."""
        return f"Greedy generation: {self.facts['model']}, {self.facts['tokens']} tokens behind each prompt"

    @property
    def tables(self) -> dict[str, list[list[str]]]:
        """The cells of all methods, by the prompts that they read."""
        settings = dict.fromkeys((row.prompts, row.context) for row in self.rows)
        return dict(table([row for row in self.rows if (row.prompts, row.context) == own]) for own in settings)

    @property
    def circumstances(self) -> list[str]:
        """Model, text and machine."""
        own, machine = self.facts, self.machine
        memory = f"{machine['memory'] / 2**30:.0f} GiB" if machine["memory"] else "unknown memory"
        return [
            f"{own['parameters'] / 1e6:.3g}M parameters, {own['layers']} layers of {own['heads']} heads, raw weights, "
            f"float32; prompts from {own['corpus']}.",
            f"{machine['cpu']}, {machine['cores']} cores, {memory}, {machine['system']}; torch {own['torch']}, "
            f"{own['threads']} threads; {time.strftime('%Y-%m-%d')}.",
        ]

    @property
    def remarks(self) -> list[str]:
        """What the table does not say."""
        own = self.facts
        return [
            f"Medians of {own['repeats']} runs in turns, with the least and the most in brackets. The prompts' pass makes "
            "the first token, each step one more. The last column is the median over the runs of the time of a step.",
            f"transformers ran with {own['attention']} attention, its cache and no sampling, on the same weights in the "
            f"same process. It and the engine gave the same {own['same']} of {own['texts']} texts; the others part where "
            "two tokens are as likely.",
        ]


def _spread(values: Sequence[float]) -> str:
    return f"{median(values):.3g} ({min(values):.3g}–{max(values):.3g})"


def show_table(rows: Sequence[Row], console: Console) -> None:
    """Print what came of some prompts."""
    name, cells = table(rows)
    console.print(Text(f"\n{name}"), listed(HEADS, cells))


def show_circumstances(found: Results, console: Console) -> None:
    """Print what holds for all of them."""
    console.print(Text(f"\n{found.title}", style="bold"))
    for line in found.circumstances:
        console.print(Text(line))
    for line in found.remarks:
        console.print(Text(f"· {line}"))


def markdown(found: Results) -> str:
    """The same for a file."""
    lines = [f"# {found.title}", "", *found.circumstances, ""]
    for name, rows in found.tables.items():
        lines += [f"{name}:", "", *grid(HEADS, rows), ""]
    lines += [f"- {line}" for line in found.remarks]
    told = "Written by `nox -s bench -- --generation`; [README.md](README.md) says what is compared."
    return "\n".join([*lines, "", told, ""])
