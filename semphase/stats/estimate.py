"""An estimate: a number with its interval, what both speak of, and the way they were made."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from numbers import Integral, Real
from typing import TYPE_CHECKING

from semphase.errors import SemphaseError

if TYPE_CHECKING:
    from semphase.stats.sampling import Sampling

UNTOLD = "untold"
"""In a field's metadata: reports do not hold it."""
CENSUS, ROUNDING = ("census",), ("rounding",)
POPULATIONS = (
    "prompts", "words", "text", "documents", "seeds", "samples", "heads", "layers", "repeats", "rounding", "census",
)  # fmt: skip
"""What an estimate may speak of; "text" is sampled in contiguous blocks."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measured quantity.

    `low` and `high` bound the interval of coverage `level` made by `method`; `n` counts the units that the interval
    speaks of (prompts, words, tokens), `unit` is the unit of `value`. `population` names what the units are drawn from,
    one word or several of `POPULATIONS`, and `units` how many of each there are; empty where nobody said. A census
    counts all there is, so it has no interval. `lacks` says what there is too little of for a verdict ("4 prompts at
    least"); empty where there is enough. `sampling` gives p-values that agree with the interval.
    """

    value: float
    low: float
    high: float
    method: str
    n: int
    unit: str = ""
    level: float = 0.95
    population: tuple[str, ...] = ()
    units: tuple[int, ...] = ()
    lacks: str = field(default="", metadata={UNTOLD: True})
    sampling: Sampling | None = field(default=None, compare=False, repr=False, metadata={UNTOLD: True})

    def __post_init__(self) -> None:
        self._require_forms()
        if math.isnan(self.low) or math.isnan(self.high) or not math.isfinite(self.value):
            raise SemphaseError(
                f"an estimate must be a number, got {self.value} [{self.low}, {self.high}]: leave out what is not finite, "
                "or bring what is too large to another unit"
            )
        if not self.low <= self.value <= self.high:
            raise SemphaseError(f"the interval [{self.low}, {self.high}] must hold the value {self.value}")
        if unknown := [name for name in self.population if name not in POPULATIONS]:
            raise SemphaseError(f"an estimate speaks of {', '.join(POPULATIONS)}, not of {', '.join(unknown)}")
        if self.exact and not self.low == self.value == self.high:
            raise SemphaseError(f"a census has no interval, got {self.value} [{self.low}, {self.high}]")

    def _require_forms(self) -> None:
        """SemphaseError for fields of other kinds than a report can show and a verdict rests on."""
        if not all(map(_number, (self.value, self.low, self.high, self.level))):
            raise SemphaseError(f"an estimate is made of numbers, got {self.value!r} [{self.low!r}, {self.high!r}]")
        if not 0 < self.level <= 1:
            raise SemphaseError(f"an estimate has its interval at a level above 0, at most 1, not {self.level!r}")
        if not isinstance(self.unit, str) or len(self.unit.splitlines()) > 1:
            raise SemphaseError(f"an estimate has a unit in one line of text, not {self.unit!r}")
        if not isinstance(self.population, tuple) or not isinstance(self.units, tuple):
            raise SemphaseError(
                f"an estimate names its population as a tuple, such as ('words',), not {self.population!r}"
            )
        if not all(map(_count, (self.n, *self.units))):
            raise SemphaseError(f"an estimate counts its units from 1 on, got n = {self.n!r} and units {self.units!r}")
        if self.units and len(self.units) != len(self.population):
            raise SemphaseError(
                f"an estimate has a number of units for each of {self.population!r}, got {self.units!r}"
            )

    @property
    def exact(self) -> bool:
        """Does it count all there is?"""
        return self.population == CENSUS

    @property
    def sampled(self) -> bool:
        """Is it drawn from more, so that another sample would give another value?"""
        return self.population not in (CENSUS, ROUNDING)

    def p_above(self, bound: float) -> float:
        """p of the hypothesis that the quantity is at most `bound`; 0 or 1 where nothing is sampled."""
        if not self.sampled:
            return 0.0 if self.low > bound else 1.0
        return self._sampling.p_above(bound)

    def p_below(self, bound: float) -> float:
        """p of the hypothesis that the quantity is at least `bound`."""
        if not self.sampled:
            return 0.0 if self.high < bound else 1.0
        return self._sampling.p_below(bound)

    @property
    def _sampling(self) -> Sampling:
        from semphase.stats.sampling import Sampling

        return self.sampling or Sampling.of_ends(self.value, self.low, self.high)

    def mirrored(self) -> Estimate:
        """The estimate of the quantity with its sign changed."""
        sampling = None if self.sampling is None else self.sampling.mirrored()
        return replace(self, value=-self.value, low=-self.high, high=-self.low, sampling=sampling)

    def __str__(self) -> str:
        ends = "exact" if self.exact else f"[{self.low:.4g}, {self.high:.4g}]"
        return f"{self.value:.4g} {ends}{' ' + self.unit if self.unit else ''}"


def census(value: float, method: str, n: int, unit: str = "") -> Estimate:
    """A quantity of all the things that a claim names (all weights, all heads): another sample does not exist."""
    return Estimate(float(value), float(value), float(value), method, n, unit, population=CENSUS, units=(n,))


def _number(given: object) -> bool:
    return isinstance(given, Real) and not isinstance(given, bool)


def _count(given: object) -> bool:
    return isinstance(given, Integral) and int(given) > 0
