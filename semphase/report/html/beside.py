"""The same claims on several models, side by side."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from semphase.report.schema import Document, Entry

OPPOSED = {"supported", "refuted"}


@dataclass(frozen=True, slots=True)
class Line:
    """A claim with its entry on each model; None where it was not judged there."""

    claim: str
    entries: tuple[Entry | None, ...]

    @property
    def agreement(self) -> str:
        """Do the verdicts agree, "same", "opposed" or "partly"?"""
        found = {entry["verdict"] for entry in self.entries if entry}
        if found >= OPPOSED:
            return "opposed"
        return "same" if len(found) == 1 else "partly"


@dataclass(frozen=True, slots=True)
class Beside:
    """The models, and a line for each claim that was judged on two of them or more."""

    models: tuple[str, ...]
    lines: tuple[Line, ...]

    @property
    def sentence(self) -> str:
        """How many verdicts agree."""
        number, found = len(self.lines), Counter(line.agreement for line in self.lines)
        told = f"{number} claim{' was' if number == 1 else 's were'} judged on more than one model: "
        return told + (
            f"{found['same']} with the same verdict on each, {found['opposed']} supported on one and refuted on another, "
            f"{found['partly']} decided or applicable on some alone."
        )


def beside(document: Document) -> Beside | None:
    """The claims on each model alone, in the order of the run; None where no claim was judged on two."""
    models = tuple(model["name"] for model in document["run"]["models"])
    found: dict[str, dict[str, Entry]] = {}
    for entry in document["claims"]:
        if entry["model"] in models:
            found.setdefault(entry["id"], {})[entry["model"]] = entry
    lines = [
        Line(claim, tuple(own.get(model) for model in models)) for claim, own in sorted(found.items()) if len(own) > 1
    ]
    return Beside(models, tuple(lines)) if lines else None
