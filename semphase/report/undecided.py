"""The key `undecided` of an entry: what would decide an inconclusive verdict, and its words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from semphase.verdict.undecided import Undecided

Entry = Mapping[str, Any]
"""An entry of a report, as `semphase.report.schema` has it."""


class UndecidedForm(TypedDict):
    """The smallest effect that the run could decide, in the estimate's unit, and how much of each population it takes.

    `needs` is None where no size would decide. Its keys are those of `population`: a text is counted in the claim's blocks.
    """

    smallest_effect: float | None
    needs: dict[str, int] | None


def undecided_of(entry: Entry) -> tuple[Undecided, ...]:
    """The parts that are undecided, first the one that the verdict waits for; none where the verdict is not."""
    if entry["verdict"] != "inconclusive":
        return ()
    from semphase.verdict.undecided import undecided_parts

    detail = entry["detail"]
    return undecided_parts(detail.get("parts", ()), detail.get("combine", "all"), entry["reason"])


def undecided_form(entry: Entry) -> UndecidedForm | None:
    """The form of the part that the verdict waits for; None where the verdict is decided."""
    found = undecided_of(entry)
    return {"smallest_effect": found[0].smallest_effect, "needs": needs_of(found[0])} if found else None


def needs_of(part: Undecided) -> dict[str, int] | None:
    """How much of each population decides the part; None where no size would."""
    if not part.needs:
        return None
    return dict(zip(part.population, part.needs, strict=True))


def units_of(part: Undecided) -> dict[str, int]:
    """How much of each population there is."""
    return dict(zip(part.population, part.units, strict=True))
