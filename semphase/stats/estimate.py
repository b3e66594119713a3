"""An estimate: a number with its interval and the way both were made."""

from __future__ import annotations

import math
from dataclasses import dataclass

from semphase.errors import SemphaseError


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measured quantity.

    `low` and `high` bound the interval of coverage `level` made by `method`; `n` counts the units that
    the interval speaks of (prompts, words, tokens), `unit` is the unit of `value`.
    """

    value: float
    low: float
    high: float
    method: str
    n: int
    unit: str = ""
    level: float = 0.95

    def __post_init__(self) -> None:
        if math.isnan(self.value) or math.isnan(self.low) or math.isnan(self.high):
            raise SemphaseError(f"an estimate must be a number, got {self.value} [{self.low}, {self.high}]")
        if not self.low <= self.value <= self.high:
            raise SemphaseError(f"the interval [{self.low}, {self.high}] must hold the value {self.value}")

    def __str__(self) -> str:
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]{' ' + self.unit if self.unit else ''}"
