"""The scale on which an entry's estimate, its control and its threshold are drawn."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from semphase.report.schema import Entry, EstimateForm

FAR = 2.0
"""How many spans of estimate and threshold beyond them other values are drawn; what lies farther runs off the scale."""
TICKS = 4


@dataclass(frozen=True, slots=True)
class Scale:
    """A stretch of the real line."""

    low: float
    high: float

    def place(self, value: float) -> float:
        """Where the value lies, in per cent of the width, with room at both edges; what is outside lies on the edge."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(4 + 92 * share, 2)

    def holds(self, value: float | None) -> bool:
        """Does a value lie on it? None, an unbounded end, does not."""
        return value is not None and self.low <= value <= self.high

    def ticks(self) -> Iterator[float]:
        """A few round numbers on it."""
        step = _round_step((self.high - self.low) / TICKS)
        first = math.ceil(self.low / step)
        yield from (count * step for count in range(first, math.floor(self.high / step) + 1))


def scale_of(entry: Entry, others: Iterable[EstimateForm] = ()) -> Scale | None:
    """A scale that holds the estimate and the threshold, and of others what lies near; None without a number."""
    estimate = entry["estimate"]
    own = [*thresholds(entry), *(numbers(estimate) if estimate else [])]
    if estimate is None or estimate["value"] is None:
        return None
    low, high = min(own), max(own)
    room = FAR * (high - low)
    near = [value for other in others for value in numbers(other) if low - room <= value <= high + room]
    low, high = min([low, *near]), max([high, *near])
    # Of one number alone, or of two that differ by rounding, the surroundings are shown.
    least = max(abs(low), abs(high), 1e-300) * 1e-6
    return Scale(low, high) if high - low > least else Scale(low - _half(low), high + _half(high))


def thresholds(entry: Entry) -> list[float]:
    """The value or the two ends that the estimate is compared with; none where nothing was."""
    threshold = entry["threshold"]
    if threshold is None:
        return []
    return list(threshold) if isinstance(threshold, list) else [threshold]


def numbers(estimate: EstimateForm) -> list[float]:
    """The value and the bounded ends of its interval."""
    ends = (estimate["value"], estimate["low"], estimate["high"])
    return [end for end in ends if end is not None]


def standing(entry: Entry) -> float | None:
    """By how many half-widths of its interval the value meets the criterion, below 0 where it misses it.

    None without an estimate or a threshold; infinite where the interval has no width, 0 where it has no end.
    """
    estimate, ends = entry["estimate"], thresholds(entry)
    if estimate is None or estimate["value"] is None or not ends or entry["point"] is None:
        return None
    distance = min(abs(estimate["value"] - end) for end in ends)
    if distance == 0 or estimate["low"] is None or estimate["high"] is None:
        return 0.0
    width = (estimate["high"] - estimate["low"]) / 2
    found = distance / width if width > 0 else math.inf
    return found if entry["point"] else -found


def _half(value: float) -> float:
    return abs(value) / 2 or 1.0


def _round_step(step: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * (1 - 1e-9))
