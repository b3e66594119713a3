"""Perplexity against the number of changed heads, and what can be read off the curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from jaxtyping import Float, Int

from semphase.stats.blocks import BlockLosses, difference_estimate
from semphase.stats.estimate import Estimate
from semphase.stats.interval import with_interval


def importance(single: BlockLosses, baseline: BlockLosses) -> Float[np.ndarray, " head"]:
    """ΔPPL of each head: perplexity with it changed minus the baseline's (001, exp10 A)."""
    return np.asarray(single.perplexity - baseline.perplexity)


def removable(counts: Sequence[int], values: Float[np.ndarray, " count"], limit: float = 1.1) -> int:
    """The largest count up to which the ratio stays below the limit at every measured point; 0 where none does."""
    below = np.asarray(values) < limit
    first = len(below) if below.all() else int(np.argmin(below))
    return int(counts[first - 1]) if first else 0


def super_additivity(
    joint: BlockLosses, single: BlockLosses, baseline: BlockLosses, draws: int, rng: np.random.Generator
) -> Estimate:
    """Joint Δloss minus the sum of the single Δlosses of the same heads, in nats per token."""
    excess = (joint.sums - baseline.sums) - (single.sums - baseline.sums).sum(axis=0)
    return difference_estimate(excess, baseline.counts, draws=draws, rng=rng)


@dataclass(frozen=True, slots=True)
class LayerPattern:
    """Does importance depend on the layer? ε² is the share of the ranks' variance between layers, corrected."""

    h: float
    p: float
    epsilon2: Estimate
    shallow: float
    deep: float


def layer_pattern(values: Float[np.ndarray, "layer head"], draws: int, rng: np.random.Generator) -> LayerPattern:
    """Kruskal–Wallis over layers; heads are resampled within layers for the interval of ε².

    ε² = (H − L + 1)/(n − L) is 0 in expectation where the layers do not differ (Tomczak and Tomczak 2014);
    `shallow` and `deep` are mean importances in the first and the last third of the layers.
    """
    layers, heads = values.shape
    h, p = (float(x) for x in scipy.stats.kruskal(*values)) if np.ptp(values) > 0 else (0.0, 1.0)
    index: Int[np.ndarray, "draw layer head"] = rng.integers(0, heads, size=(draws, layers, heads))
    drawn = np.take_along_axis(np.broadcast_to(values, (draws, layers, heads)), index, axis=-1)
    what = "bootstrap of heads within layers"
    estimate = with_interval(float(_epsilon2(values[None])[0]), _epsilon2(drawn), n=values.size, what=what)
    third = max(1, layers // 3)
    return LayerPattern(h, p, estimate, float(values[:third].mean()), float(values[-third:].mean()))


def _epsilon2(values: Float[np.ndarray, "draw layer head"]) -> Float[np.ndarray, " draw"]:
    """With H as (n − 1) times the ranks' share of variance between layers, which is Kruskal's corrected for ties."""
    draws, layers, heads = values.shape
    n = layers * heads
    ranks = scipy.stats.rankdata(values.reshape(draws, n), axis=-1).reshape(values.shape) - (n + 1) / 2
    between, total = heads * (ranks.mean(axis=-1) ** 2).sum(axis=-1), (ranks**2).sum(axis=(-2, -1))
    if n <= layers:
        return np.zeros(draws)
    h = np.divide((n - 1) * between, total, out=np.full(draws, layers - 1.0), where=total > 0)
    return (h - layers + 1) / (n - layers)
