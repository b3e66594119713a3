"""What became of one kind of fault: how often it was tried, and what went wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Outcome:
    """One row of the table."""

    what: str
    tried: int = 0
    lost: int = 0
    """Finished units that were computed again."""
    mismatches: int = 0
    """Verdicts or numbers that are others than without the fault."""
    seconds: float = 0.0
    remark: str = ""
    failures: list[str] = field(default_factory=list)

    @contextmanager
    def timed(self) -> Iterator[None]:
        """The block's seconds count."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self.seconds += time.monotonic() - begun

    def require(self, holds: object, told: str) -> None:
        """Count what does not hold."""
        if not holds:
            self.failures.append(told)

    def same(self, difference: str, told: str) -> None:
        """Count verdicts that differ."""
        if difference:
            self.mismatches += 1
            self.failures.append(f"{told}: {difference}")

    def again(self, units: set[str], told: str) -> None:
        """Count units that were computed again."""
        self.lost += len(units)
        if units:
            self.failures.append(f"{told}: computed again {', '.join(sorted(units)[:3])}")


Tell = Callable[[str], None]


def table(rows: list[Outcome]) -> str:
    """All rows, for a terminal."""
    names = ("fault", "tried", "units lost", "mismatches", "failures", "seconds", "")
    told = [
        (own.what, *map(str, (own.tried, own.lost, own.mismatches, len(own.failures), round(own.seconds))), own.remark)
        for own in rows
    ]
    widths = [max(len(row[column]) for row in (names, *told)) for column in range(len(names))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in (names, *told)
    ]
    return "\n".join(lines)
