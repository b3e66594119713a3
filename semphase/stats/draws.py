"""Bootstrapped quantities: a point, its draws, and the estimate that a statistic makes of both.

The draws are made once for a measurement and shared by every statistic on it. Prompts are resampled within
words (conditions and direction sentences apart); where a claim speaks of words, words are resampled as well.
SciPy's bootstrap resamples flat samples only, so the nested draws are made here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, Self, TypeVar

import numpy as np
from jaxtyping import Int

from semphase.stats.estimate import Estimate
from semphase.stats.interval import with_interval

Population = Literal["prompts", "words"]


class ByWord(Protocol):
    """Arrays [draw, word, …] whose words can be resampled."""

    def take_words(self, index: Int[np.ndarray, "draw word"]) -> Self:
        """The same with the words `index[draw]` in each draw."""
        ...


Data = TypeVar("Data", bound=ByWord)


@dataclass(frozen=True, slots=True)
class Bootstrapped(Generic[Data]):
    """`point` holds arrays [word, …], `draws` the same with a leading axis of prompts resampled within words."""

    point: Data
    draws: Data
    word_index: Int[np.ndarray, "draw word"]
    n_prompts: int

    @property
    def n_words(self) -> int:
        """The number of words."""
        return self.word_index.shape[1]

    @property
    def words(self) -> Data:
        """The draws with words resampled as well."""
        return self.draws.take_words(self.word_index)


def take_words(array: np.ndarray, index: Int[np.ndarray, "draw word"]) -> np.ndarray:
    """array[draw, index[draw], …] for arrays [draw, word, …]."""
    return array[np.arange(len(index))[:, None], index]


def estimate_from_draws(
    statistic: Callable[..., Any],
    *data: Bootstrapped[Any],
    population: Population = "prompts",
    unit: str = "",
) -> Estimate:
    """The statistic of the points with the interval of its draws.

    `statistic` maps one dataset for each of `data` to a number, keeping leading draw axes. "words" generalises
    to other words, "prompts" to other prompts of these words.
    """
    value = float(statistic(*(item.point for item in data)))
    drawn = [item.words if population == "words" else item.draws for item in data]
    draws = np.atleast_1d(np.asarray(statistic(*drawn), dtype=float))
    n = data[0].n_words if population == "words" else data[0].n_prompts
    return with_interval(value, draws, n=n, what=f"bootstrap over {_population_text(population)}", unit=unit)


def _population_text(population: Population) -> str:
    return "words and prompts" if population == "words" else "prompts within words"


@dataclass(frozen=True, slots=True)
class PerWord:
    """One number for each word, [..., word]."""

    values: np.ndarray

    def take_words(self, index: Int[np.ndarray, "draw word"]) -> PerWord:
        """The draws with their words resampled."""
        return PerWord(take_words(self.values, index))

    @property
    def mean(self) -> np.ndarray:
        """Mean over words."""
        return self.values.mean(axis=-1)

    @property
    def variation(self) -> np.ndarray:
        """Coefficient of variation over words: standard deviation (n − 1) over mean."""
        return self.values.std(axis=-1, ddof=1) / self.mean


def per_word(statistic: Callable[[Any], np.ndarray], data: Bootstrapped[Any]) -> Bootstrapped[PerWord]:
    """A statistic that gives one number for each word, made once for the point and the draws."""
    made = [PerWord(np.asarray(statistic(part))) for part in (data.point, data.draws)]
    return Bootstrapped(made[0], made[1], data.word_index, data.n_prompts)
