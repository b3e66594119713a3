"""Sentences about a table, such as "this row has the lowest value": which of them does the table contradict?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from semphase.science.audit.rounding import CERTAIN, METHOD, Interval
from semphase.stats.estimate import ROUNDING, Estimate

UNIT = "sentences"


@dataclass(frozen=True, slots=True)
class Statement:
    """What is said, what is found, and a `margin` (a single number) that is below 0 where they disagree."""

    said: str
    found: str
    margin: Interval
    section: str

    @property
    def contradicted(self) -> bool:
        """Do the printed figures contradict it?"""
        return bool(self.margin.value < 0)


@dataclass(frozen=True, slots=True)
class Statements:
    """Several sentences of one kind."""

    each: tuple[Statement, ...]

    def estimate(self) -> Estimate:
        """How many are contradicted: by the printed figures, at least, and at most, whatever was rounded away."""
        value = sum(own.contradicted for own in self.each)
        least = sum(bool(own.margin.high < 0) for own in self.each)
        most = sum(bool(own.margin.low < 0) for own in self.each)
        return Estimate(value, least, most, METHOD, len(self.each), UNIT, CERTAIN, ROUNDING, (len(self.each),))

    def detail(self) -> dict[str, Any]:
        """How many sentences were checked, and both sides of each that is contradicted."""
        wrong = [own for own in self.each if own.contradicted]
        told = [{"section": own.section, "said": own.said, "found": own.found} for own in wrong]
        return {"sentences checked": len(self.each), "disagreements": told}


def lowest(said: str, names: Sequence[str], values: Interval, chosen: str, section: str) -> Statement:
    """The sentence that `chosen` has the lowest of the values [name]; a tie contradicts nothing."""
    at = list(names).index(chosen)
    rivals = values[np.arange(len(values)) != at]
    best = int(np.argmin(values.value))
    found = f"{chosen} has {values.value[at]:g}, {names[best]} has {values.value[best]:g}"
    return Statement(said, found, rivals.lowest() - values[at], section)


def highest(said: str, names: Sequence[str], values: Interval, chosen: str, section: str) -> Statement:
    """The sentence that `chosen` has the highest of the values [name]; a tie contradicts nothing."""
    at = list(names).index(chosen)
    rivals = values[np.arange(len(values)) != at]
    best = int(np.argmax(values.value))
    found = f"{chosen} has {values.value[at]:g}, {names[best]} has {values.value[best]:g}"
    return Statement(said, found, values[at] - rivals.highest(), section)


def less(said: str, smaller: Interval, larger: Interval, section: str) -> Statement:
    """The sentence that one number is not above another."""
    found = f"{float(smaller.value):g} against {float(larger.value):g}"
    return Statement(said, found, larger - smaller, section)
