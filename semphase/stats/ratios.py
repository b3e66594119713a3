"""Ratios of perplexities to one baseline, from the same drawn blocks of text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from semphase.stats.blocks import BlockLosses, mean_with_draws
from semphase.stats.estimate import Estimate
from semphase.stats.interval import EXPANSION, ends, with_interval

PAIRED = f"paired bootstrap of contiguous blocks of token losses, {EXPANSION}"


@dataclass(frozen=True, slots=True)
class Ratios:
    """PPL ratios [condition] to one baseline and their draws [condition, draw], all from the same blocks of text."""

    values: Float[np.ndarray, " condition"]
    draws: Float[np.ndarray, "condition draw"]
    tokens: int

    def estimate(self, condition: int = 0) -> Estimate:
        """One condition's ratio."""
        return with_interval(float(self.values[condition]), self.draws[condition], n=self.tokens, what=PAIRED)

    def best(self, conditions: Sequence[int] | None = None) -> Estimate:
        """The lowest ratio of several conditions, the lowest in each draw."""
        chosen = list(range(len(self.values))) if conditions is None else list(conditions)
        values, draws = self.values[chosen], self.draws[chosen]
        what = f"lowest of {len(chosen)}, {PAIRED}"
        return with_interval(float(values.min()), draws.min(axis=0), n=self.tokens, what=what)

    @property
    def intervals(self) -> Float[np.ndarray, "condition end"]:
        """95 % intervals, for tables and figures."""
        return ends(self.draws).T


def ratios(changed: BlockLosses, baseline: BlockLosses, draws: int, rng: np.random.Generator) -> Ratios:
    """PPL ratios of conditions, sums [condition, block], to the baseline, sums [block]."""
    sums = np.atleast_2d(changed.sums) - baseline.sums
    point, drawn = mean_with_draws(sums, baseline.counts, draws, rng)
    return Ratios(np.exp(point), np.exp(drawn), baseline.tokens)
