"""Measurements at words and at the prompts within them, with what leaving each out makes of every statistic.

A claim about these words leaves out prompts, each word's and each role's for themselves; a claim about words leaves out
whole words, prompts and all. Statistics keep leading axes, so that all of them are made at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Generic, Literal, Protocol, Self, TypeVar

import numpy as np
from jaxtyping import Int

from semphase.errors import SemphaseError
from semphase.stats.estimate import Estimate
from semphase.stats.least import Kind
from semphase.stats.left_out import REAL_LINE, Factor, best_lead, largest, position, smallest, smooth

Population = Literal["prompts", "words"]
Rule = Literal["smooth", "smallest", "largest"]
Statistic = Callable[..., Any]


class ByWord(Protocol):
    """Arrays [word, …] whose words can be chosen."""

    def take_words(self, index: Int[np.ndarray, "*draw word"]) -> Self:
        """The same with the words `index` in each row."""
        ...


Data = TypeVar("Data", bound=ByWord)


@dataclass(frozen=True, slots=True, eq=False)
class WithoutPrompts(Generic[Data]):
    """A measurement without each prompt in turn, arrays [prompt, word, …]; `strata` [prompt] are drawn on their own."""

    data: Data
    strata: Int[np.ndarray, " prompt"]


@dataclass(frozen=True, eq=False)
class Nested(Generic[Data]):
    """A measurement with arrays [word, …]; `leave_prompts_out` makes it without each prompt, where that is needed."""

    point: Data
    n_words: int
    leave_prompts_out: Callable[[], WithoutPrompts[Data]] | None = None

    @cached_property
    def without_words(self) -> Data:
        """Without each word in turn, arrays [left out, word, …]."""
        others = np.array([np.delete(np.arange(self.n_words), own) for own in range(self.n_words)])
        return self.point.take_words(others)

    @cached_property
    def without_prompts(self) -> WithoutPrompts[Data]:
        """Without each prompt in turn."""
        if self.leave_prompts_out is None:
            raise SemphaseError("prompts cannot be left out of this measurement; let the claim speak of words")
        return self.leave_prompts_out()


@dataclass(frozen=True, slots=True)
class Quantity:
    """A statistic of one dataset for each of several, its rule of intervals and its range.

    `statistic` keeps leading axes and gives a number, or for "smallest" and "largest" numbers [row].
    """

    statistic: Statistic
    rule: Rule = "smooth"
    within: tuple[float, float] = REAL_LINE

    def estimate(self, *data: Nested[Any], population: Population, what: str = "statistic", unit: str = "") -> Estimate:
        """The quantity with its interval over the population's units."""
        value, factor = left_out(self.statistic, *data, population=population, least=self._least)
        if self.rule == "smooth":
            return smooth(float(value), factor, what=what, unit=unit, within=self.within)
        rule = smallest if self.rule == "smallest" else largest
        return rule(np.atleast_1d(value), factor, what=f"{self.rule} {what}", unit=unit, within=self.within)

    @property
    def _least(self) -> Kind:
        return "any smooth statistic" if self.rule == "smooth" else "worst of many"


@dataclass(frozen=True, slots=True)
class BestLead:
    """The largest over candidates of the smallest lead over rivals; `leads` gives them [candidate, rival]."""

    leads: Statistic

    def estimate(self, *data: Nested[Any], population: Population, what: str = "lead", unit: str = "") -> Estimate:
        """The lead, every one with bounds of its own."""
        value, factor = left_out(self.leads, *data, population=population, least="worst of many")
        return best_lead(value, factor, what=what, unit=unit)


@dataclass(frozen=True, slots=True)
class Peak:
    """Where a curve is largest: `curve` gives it [row] of a dataset, `at` the positions [row] of the point's rows."""

    curve: Statistic
    at: Callable[[Any], np.ndarray]

    def estimate(self, *data: Nested[Any], population: Population, what: str = "maximum", unit: str = "") -> Estimate:
        """The position with those that it cannot be told from."""
        value, factor = left_out(self.curve, *data, population=population, least="worst of many")
        return replace(position(value, self.at(data[0].point), factor, what=what), unit=unit)


def left_out(
    statistic: Statistic, *data: Nested[Any], population: Population, least: Kind = "any smooth statistic"
) -> tuple[np.ndarray, Factor]:
    """A statistic [*row] of the points, and without each unit of the population, [*row, unit]."""
    value = np.asarray(statistic(*(own.point for own in data)), dtype=np.float64)
    if population == "words":
        if data[0].n_words < 2:
            return value, Factor("words", value[..., None], least=least)
        made = statistic(*(own.without_words for own in data))
        return value, Factor("words", np.moveaxis(np.asarray(made, dtype=np.float64), 0, -1), least=least)
    parts = [own.without_prompts for own in data]
    made = np.asarray(statistic(*(part.data for part in parts)), dtype=np.float64)
    return value, Factor("prompts", np.moveaxis(made, 0, -1), parts[0].strata, least)


@dataclass(frozen=True, slots=True)
class PerWord:
    """One number for each word, [..., word]."""

    values: np.ndarray

    def take_words(self, index: Int[np.ndarray, "*draw word"]) -> PerWord:
        """Those of chosen words."""
        return PerWord(self.values[index])

    @property
    def mean(self) -> np.ndarray:
        """Mean over words."""
        return self.values.mean(axis=-1)

    @property
    def variation(self) -> np.ndarray:
        """Coefficient of variation over words: standard deviation (n − 1) over mean."""
        return self.values.std(axis=-1, ddof=1) / self.mean
