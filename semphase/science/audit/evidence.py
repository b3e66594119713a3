"""From a check of published tables to the evidence, control and detail that `judge` takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from semphase.science.audit import figures
from semphase.science.audit.printed import Document
from semphase.science.audit.rounding import Interval
from semphase.stats.estimate import Estimate

MOVED = "the same tables with one column moved by a row"


class Finding(Protocol):
    """What a check of tables ends in: a number with its bounds, and what a reader needs to find the lines."""

    def estimate(self) -> Estimate:
        """The number that the criterion compares."""
        ...

    def detail(self) -> Mapping[str, Any]:
        """Both sides of each disagreement, with their sections."""
        ...


@dataclass(frozen=True, slots=True)
class Quantity:
    """A finding that is a single number, made of `figures` printed ones."""

    number: Interval
    figures: int
    unit: str = ""
    told: Mapping[str, Any] = field(default_factory=dict)

    def estimate(self) -> Estimate:
        """The number with the bounds that rounding leaves."""
        return self.number.estimate(self.figures, self.unit)

    def detail(self) -> Mapping[str, Any]:
        """The figures behind it."""
        return self.told


Check = Callable[[Document], Finding | Mapping[str, Finding]]


def audited(check: Check, document: Document, moved: tuple[str, str]) -> dict[str, Any]:
    """Arguments of `judge`: the check of a document, and as its control the same with `moved` (table, column)."""
    table, column = moved
    found, control = check(document), check(document.moved(table, column))
    detail: dict[str, Any] = {"moved in the control": f"{document.where(table)}, column {column}"}
    if isinstance(found, Mapping):
        detail |= {name: own.detail() for name, own in found.items()}
    else:
        detail |= found.detail()
    drawn = [figures.audit_deviations] if "deviations" in detail else []
    return {"evidence": _estimates(found), "control": _estimates(control), "detail": detail, "figures": drawn}


def _estimates(found: Finding | Mapping[str, Finding]) -> Estimate | dict[str, Estimate]:
    if isinstance(found, Mapping):
        return {name: own.estimate() for name, own in found.items()}
    return found.estimate()
