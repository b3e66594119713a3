"""An estimate: a number with its interval and the way both were made."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from semphase.errors import SemphaseError

UNTOLD = "untold"
"""In a field's metadata: reports do not hold it."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measured quantity.

    `low` and `high` bound the interval of coverage `level` made by `method`; `n` counts the units that
    the interval speaks of (prompts, words, tokens), `unit` is the unit of `value`. `lacks` says what there is too
    little of for a verdict ("4 prompts at least"); empty where there is enough.
    """

    value: float
    low: float
    high: float
    method: str
    n: int
    unit: str = ""
    level: float = 0.95
    lacks: str = field(default="", metadata={UNTOLD: True})

    def __post_init__(self) -> None:
        if math.isnan(self.value) or math.isnan(self.low) or math.isnan(self.high):
            raise SemphaseError(f"an estimate must be a number, got {self.value} [{self.low}, {self.high}]")
        if not self.low <= self.value <= self.high:
            raise SemphaseError(f"the interval [{self.low}, {self.high}] must hold the value {self.value}")

    def __str__(self) -> str:
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]{' ' + self.unit if self.unit else ''}"
