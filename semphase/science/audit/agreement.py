"""Printed figures beside the same figures recomputed from others: do they agree within rounding?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from semphase.science.audit.rounding import CERTAIN, METHOD, Interval, interval, stack
from semphase.stats.estimate import ROUNDING, Estimate

UNIT = "rounding allowances"
COUNT_ALLOWANCE = 0.5
"""What two exact counts may differ by, so that different ones disagree."""
_DIGITS = 9  # binary fractions must not break a tie at the edge of the allowance


@dataclass(frozen=True, slots=True)
class Comparison:
    """Figures [figure] as printed and as found from other figures; `names` and `sections` say which and where."""

    names: tuple[str, ...]
    printed: Interval
    found: Interval
    sections: tuple[str, ...]

    @property
    def deviations(self) -> Float[np.ndarray, " figure"]:
        """Distance of the two in units of the allowance that rounding gives them together.

        Both intervals share a number exactly where this is at most 1.
        """
        (printed, own), (found, other) = _centred(self.printed), _centred(self.found)
        allowance = own + other
        deviations = np.abs(printed - found) / np.where(allowance > 0, allowance, COUNT_ALLOWANCE)
        return np.asarray(np.round(deviations, _DIGITS))

    def estimate(self) -> Estimate:
        """The largest deviation. Rounding is its unit, so it has no width."""
        largest = float(self.deviations.max())
        return Estimate(largest, largest, largest, METHOD, len(self.names), UNIT, CERTAIN, ROUNDING, (len(self.names),))

    def detail(self) -> dict[str, Any]:
        """How many figures were compared, their deviations, and both numbers of each disagreement."""
        wrong = np.flatnonzero(self.deviations > 1)
        return {
            "figures compared": len(self.names),
            "disagreements": [self._told(int(i)) for i in wrong],
            "deviations": self.deviations,
        }

    def _told(self, i: int) -> dict[str, Any]:
        return {
            "section": self.sections[i],
            "figure": self.names[i],
            "printed": self.printed.value[i],
            "found": self.found.value[i],
            "found between": [self.found.low[i], self.found.high[i]],
            "deviation": self.deviations[i],
        }


def compare(names: Sequence[str], printed: Interval, found: Interval | np.ndarray, section: str) -> Comparison:
    """A comparison of figures of one section; exact numbers may stand for what was found."""
    return Comparison(tuple(names), printed, interval(found), (section,) * len(names))


def one(name: str, printed: Interval, found: Interval | float, section: str) -> Comparison:
    """A comparison of a single figure."""
    return compare([name], stack([printed]), stack([interval(found)]), section)


def joined(*parts: Comparison) -> Comparison:
    """Several comparisons as one."""
    return Comparison(
        tuple(name for part in parts for name in part.names),
        _joined([part.printed for part in parts]),
        _joined([part.found for part in parts]),
        tuple(section for part in parts for section in part.sections),
    )


def _centred(figures: Interval) -> tuple[np.ndarray, np.ndarray]:
    return (figures.low + figures.high) / 2, (figures.high - figures.low) / 2


def _joined(parts: Sequence[Interval]) -> Interval:
    return Interval(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("value", "low", "high")))
