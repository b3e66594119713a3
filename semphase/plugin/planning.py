"""The plan of a verification: how long each group of claims may take, and how that is known."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from semphase.plugin.watch import Planned
from semphase.progress import spoken

BySize = Callable[[str, str], float | None]
"""Seconds that a group of claims on the models of a label takes at least, from sizes; None where nobody can tell."""


@dataclass(frozen=True, slots=True)
class Row:
    """The claims of one group on the same models: seconds of those that ran before, and a bound where none did."""

    group: str
    models: str
    claims: int
    timed: int
    seconds: float
    least: float | None

    @property
    def untimed(self) -> int:
        """Claims that never ran here."""
        return self.claims - self.timed

    @property
    def time(self) -> str:
        """As a user reads it."""
        told = [spoken(self.seconds)] if self.timed else []
        told += [] if self.least is None else [f"at least {spoken(self.least)}"]
        return " and ".join(told) or "–"

    @property
    def known(self) -> str:
        """Where the time comes from."""
        told = ["as last time"] if self.timed else []
        told += [f"{self.untimed} not timed yet"] if self.untimed else []
        told += [] if self.least is None else ["by size"]
        return ", ".join(told)


def rows(plan: Iterable[Planned], by_size: BySize) -> list[Row]:
    """One row for each group and label, in the order of the run; `by_size` is asked where nothing of a row was timed."""
    found: dict[tuple[str, str], list[Planned]] = {}
    for own in plan:
        found.setdefault((own.name.partition(".")[0], own.models), []).append(own)
    return [_row(group, models, claims, by_size) for (group, models), claims in found.items()]


def _row(group: str, models: str, claims: Sequence[Planned], by_size: BySize) -> Row:
    timed = [own.seconds for own in claims if own.timed]
    least = None if timed else by_size(group, models)
    return Row(group, models, len(claims), len(timed), sum(timed), least)


def lines(planned: Sequence[Row], width: int) -> Iterator[str]:
    """The plan as a table, and its total."""
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold")
    for head in ("claims", "models", "number", "time", "known"):
        table.add_column(head, justify="right" if head == "number" else "left", overflow="fold")
    for row in planned:
        table.add_row(*map(Text, (row.group, row.models or "–", str(row.claims), row.time, row.known)))
    stream = io.StringIO()
    Console(file=stream, width=width, highlight=False, color_system=None, legacy_windows=False).print(table)
    yield from (line.rstrip() for line in stream.getvalue().splitlines())
    yield total(planned)


def total(planned: Sequence[Row]) -> str:
    """All rows in one sentence, which says of how many claims nothing is known."""
    timed, sized = sum(row.timed for row in planned), [row for row in planned if row.least is not None]
    unknown = sum(row.untimed for row in planned if row.least is None)
    told = [f"{spoken(sum(row.seconds for row in planned))} for {_claims(timed)} as last time"] if timed else []
    if sized:
        least = sum(row.least or 0.0 for row in sized)
        told.append(f"at least {spoken(least)} by size for {_claims(sum(row.claims for row in sized))}")
    told += [f"{_claims(unknown)} not timed yet"] if unknown else []
    return f"total: {', '.join(told)}; what the store holds is not measured again"


def _claims(number: int) -> str:
    return f"{number} claim{'' if number == 1 else 's'}"
