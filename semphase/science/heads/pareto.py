"""Perplexity against the number of changed heads, and what can be read off the curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from semphase.stats.blocks import BlockLosses
from semphase.stats.estimate import Estimate
from semphase.stats.ranked import analysis_of_variance, epsilon_squared, trend
from semphase.stats.ratios import difference_estimate
from semphase.stats.sampling import Sampling


def importance(single: BlockLosses, baseline: BlockLosses) -> Float[np.ndarray, " head"]:
    """ΔPPL of each head: perplexity with it changed minus the baseline's (001, exp10 A)."""
    return np.asarray(single.perplexity - baseline.perplexity)


def removable(counts: Sequence[int], values: Float[np.ndarray, " count"], limit: float = 1.1) -> int:
    """The largest count up to which the ratio stays below the limit at every measured point; 0 where none does."""
    below = np.asarray(values) < limit
    first = len(below) if below.all() else int(np.argmin(below))
    return int(counts[first - 1]) if first else 0


def super_additivity(joint: BlockLosses, single: BlockLosses, baseline: BlockLosses) -> Estimate:
    """Joint Δloss minus the sum of the single Δlosses of the same heads, in nats per token."""
    excess = (joint.sums - baseline.sums) - (single.sums - baseline.sums).sum(axis=0)
    return difference_estimate(excess, baseline.counts)


@dataclass(frozen=True, slots=True)
class LayerPattern:
    """Does importance depend on the layer? ε² between layers, and the p of Kruskal and Wallis, or of another test.

    `shallow` and `deep` are mean importances in the first and the last third of the layers.
    """

    epsilon2: Estimate
    p: float
    shallow: float
    deep: float


TESTS = {None: epsilon_squared, "analysis of variance": analysis_of_variance, "trend": trend}
"""As registered, and by what a universe calls them."""


ERROR_DRAWS = 20
"""Draws of a measurement error under which a pattern is looked for again."""


def layer_pattern(
    values: Float[np.ndarray, "layer head"],
    test: str | None = None,
    error: float = 0.0,
    rng: np.random.Generator | None = None,
) -> LayerPattern:
    """The differences of importance between layers by one of `TESTS`, each head a unit.

    `error` is the standard deviation with which the values were measured: the interval is widened to what they give when
    it is added again, with draws of `rng`, and p is the largest of all.
    """
    layers, heads = values.shape
    labels, third = np.repeat(np.arange(layers), heads), max(1, layers // 3)
    own = TESTS[test](values.ravel(), labels, over="heads")
    moved = []
    if error and rng is not None:
        tried = [values.ravel() + rng.normal(0, error, size=values.size) for _ in range(ERROR_DRAWS)]
        moved = [TESTS[test](again, labels, over="heads") for again in tried]
    epsilon2 = _widened(own[0], [again for again, _ in moved], error)
    p = max(found for _, found in [own, *moved])
    return LayerPattern(epsilon2, p, float(values[:third].mean()), float(values[-third:].mean()))


def _widened(own: Estimate, moved: Sequence[Estimate], error: float) -> Estimate:
    """An estimate whose interval holds those of others made under a measurement error."""
    samplings = [each.sampling for each in (own, *moved) if each.sampling is not None]
    if not moved or len(samplings) <= len(moved):
        return own
    return replace(
        own,
        low=min(each.low for each in (own, *moved)),
        high=max(each.high for each in (own, *moved)),
        method=f"{own.method}; widened to {len(moved)} draws of a measurement error of {error:.2g}",
        sampling=Sampling(
            lambda bound: max(each.above(bound) for each in samplings),
            lambda bound: max(each.below(bound) for each in samplings),
        ),
    )


def holm(p: float, other: float) -> float:
    """The first of two p's after Holm's correction (1979): what is smaller counts twice."""
    return min(1.0, 2 * p if p <= other else max(2 * other, p))
