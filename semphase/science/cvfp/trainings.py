"""Numbers of repeated trainings with intervals over their seeds and over the documents they are judged on.

Arrays are [*cell, seed, …]: trainings by configuration and size, their seeds behind. A draw resamples the documents,
one sample for all trainings, so that comparisons are paired; and the seeds, for each configuration its own sample,
kept over the sizes that start from the same weights. A bootstrap of S seeds has S − 1 parts in S of the variance of
their mean, so its deviations are stretched by √(S/(S − 1)); even so a nominal 95 % of three seeds alone cover about
75 %, for three numbers know little of their spread. A single seed is kept as it is: the interval then says nothing of
other seeds, and its method says that. Documents count as independent, which neighbours in one text are not quite.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Real

from semphase.errors import SemphaseError
from semphase.stats.estimate import Estimate
from semphase.stats.interval import with_interval


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A number for each cell, [*cell], and its draws, [draw, *cell]; `n` and `what` go into an estimate's method."""

    point: Float[np.ndarray, "*cell"]
    draws: Float[np.ndarray, "draw ..."]
    n: int
    what: str

    def of(self, function: Callable[[Any], Any]) -> Drawn:
        """A function of the numbers, which keeps leading axes, of the point and of the draws."""
        return combined(function, self)

    def at(self, cell: tuple[int, ...]) -> Drawn:
        """The number of one cell, or of the cells behind it."""
        drawn: tuple[Any, ...] = (slice(None), *cell)
        return Drawn(self.point[cell], self.draws[drawn], self.n, self.what)

    def estimate(self, unit: str = "") -> Estimate:
        """The number of a single cell with the percentile interval of its draws."""
        return with_interval(float(self.point), self.draws, n=self.n, what=self.what, unit=unit)

    def estimates(self, unit: str = "") -> Estimate | list[Estimate]:
        """The same for one axis of cells: a list of them; without an axis, the single one."""
        if not self.point.ndim:
            return self.estimate(unit)
        return [self.at((i,)).estimate(unit) for i in range(len(self.point))]

    @property
    def share_above_zero(self) -> float:
        """In how many of the draws the number of a single cell is above 0."""
        return float((self.draws > 0).mean())


def combined(function: Callable[..., Any], *data: Drawn) -> Drawn:
    """A function of several numbers whose draws belong together; `n` and `what` are the first one's."""
    point = np.asarray(function(*(own.point for own in data)))
    draws = np.asarray(function(*(own.draws for own in data)))
    return Drawn(point, draws, data[0].n, data[0].what)


def document_weights(draws: int, documents: int, rng: np.random.Generator) -> Float[np.ndarray, "draw document"]:
    """How often each document is in each draw."""
    if documents < 2:
        raise SemphaseError("an interval over documents needs at least two of them; give a longer --corpus.")
    return rng.multinomial(documents, np.full(documents, 1 / documents), size=draws).astype(float)


def seed_weights(
    draws: int, cells: tuple[int, ...], seeds: int, rng: np.random.Generator
) -> Float[np.ndarray, "draw *cell seed"]:
    """The weights of a mean over the seeds in each draw and cell, stretched; a cell of length 1 serves all it meets."""
    if seeds == 1:
        return np.ones((draws, *cells, 1))
    share = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=(draws, *cells)) / seeds
    return 1 / seeds + (share - 1 / seeds) * math.sqrt(seeds / (seeds - 1))


def per_token(
    sums: Float[np.ndarray, "*cell seed document"],
    predicted: Real[np.ndarray, "*cell seed document"],
    documents: Float[np.ndarray, "draw document"],
    seeds: Float[np.ndarray, "draw *drawn_cell seed"],
    *,
    what: str = "validation documents",
) -> Drawn:
    """Sum over documents divided by predicted tokens, averaged over seeds.

    Of negative log likelihoods in nats this is log PPL, whose mean over seeds is the log of the geometric mean; of
    right predictions it is the accuracy.
    """
    point = (sums.sum(axis=-1) / predicted.sum(axis=-1)).mean(axis=-1)
    each = np.moveaxis((sums @ documents.T) / (predicted @ documents.T), -1, 0)
    text = f"bootstrap over {documents.shape[1]} {what}, one sample for all trainings{_told(seeds)}"
    return Drawn(point, (each * seeds).sum(axis=-1), documents.shape[1], text)


def jackknifed(
    values: Float[np.ndarray, "*cell seed"],
    left_out: Float[np.ndarray, "*cell seed group"],
    groups: Float[np.ndarray, "draw group"],
    seeds: Float[np.ndarray, "draw *drawn_cell seed"],
) -> Drawn:
    """A number that is costly to compute, from its values without single groups of documents.

    A draw adds the mean of the resampled groups' deviations (m − 1)(mean − value without the group), which is the
    jackknife's linear approximation of a bootstrap over the m groups, with the jackknife's variance.
    """
    m = left_out.shape[-1]
    deviations = (m - 1) * (left_out.mean(axis=-1, keepdims=True) - left_out) * math.sqrt(m / (m - 1))
    each = values + np.moveaxis(deviations @ groups.T / m, -1, 0)
    text = f"bootstrap of the jackknife over {m} groups of documents, one sample for all trainings{_told(seeds)}"
    return Drawn(values.mean(axis=-1), (each * seeds).sum(axis=-1), m, text)


def over_seeds(
    values: Float[np.ndarray, "*cell seed"],
    draws: Float[np.ndarray, "draw *cell seed"],
    seeds: Float[np.ndarray, "draw *drawn_cell seed"],
) -> Drawn:
    """The mean over seeds of numbers whose draws of documents are already made.

    Stretched weights may be negative, so a mean is held within the numbers that it is made of: where all seeds agree,
    or stop at a limit, no draw goes beyond.
    """
    drawn = np.clip((draws * seeds).sum(axis=-1), draws.min(axis=-1), draws.max(axis=-1))
    text = f"bootstrap over training documents, trainings as they were{_told(seeds)}"
    return Drawn(values.mean(axis=-1), drawn, values.shape[-1], text)


def iterations_needed(
    converged: Float[np.ndarray, "iteration document"],
    documents: Float[np.ndarray, "draw document"],
    share: float,
    fewest: int,
) -> Int[np.ndarray, " draw"]:
    """In which iteration, of those from `fewest` on, the share of converged tokens is first reached.

    Documents are of one length. One more than was run where the share is never reached, the least it can be.
    """
    shares = documents @ converged.T / documents.sum(axis=1, keepdims=True)
    reached = shares >= share - 1e-12
    reached[:, : fewest - 1] = False
    return np.where(reached.any(axis=1), reached.argmax(axis=1), converged.shape[0]) + 1


def _told(seeds: Float[np.ndarray, "draw *cell seed"]) -> str:
    count = seeds.shape[-1]
    return f", and over {count} seeds of each" if count > 1 else "; one seed, so nothing is said of others"
