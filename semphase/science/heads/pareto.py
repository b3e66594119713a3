"""Perplexity against the number of changed heads, and what can be read off the curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from semphase.stats.blocks import BlockLosses
from semphase.stats.estimate import Estimate
from semphase.stats.ranked import analysis_of_variance, epsilon_squared, trend
from semphase.stats.ratios import difference_estimate


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


def layer_pattern(values: Float[np.ndarray, "layer head"], test: str | None = None) -> LayerPattern:
    """The differences of importance between layers by one of `TESTS`, each head a unit."""
    layers, heads = values.shape
    epsilon2, p = TESTS[test](values.ravel(), np.repeat(np.arange(layers), heads), over="heads")
    third = max(1, layers // 3)
    return LayerPattern(epsilon2, p, float(values[:third].mean()), float(values[-third:].mean()))


def holm(p: float, other: float) -> float:
    """The first of two p's after Holm's correction (1979): what is smaller counts twice."""
    return min(1.0, 2 * p if p <= other else max(2 * other, p))
