"""The five conditions of a word, strong B to strong A, and the response fitted to them (001 exp1, exp2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from jaxtyping import Float, Int

from semphase.stats.estimate import Estimate
from semphase.stats.nested import Nested, Population, left_out
from semphase.stats.orders import SPEARMAN, smallest_spearman

LEAST_H = 0.05
STRONG_B, STRONG_A = 0, 4


@dataclass(frozen=True, slots=True)
class Conditions:
    """σ(l) of every word under every condition, averaged over the condition's prompts; x is depth l/L."""

    x: Float[np.ndarray, " layer"]
    sigma: Float[np.ndarray, "*draw word condition layer"]

    def take_words(self, index: Int[np.ndarray, "*draw word"]) -> Conditions:
        """Those of chosen words."""
        return Conditions(self.x, self.sigma[index])

    @property
    def h(self) -> Float[np.ndarray, "*draw word condition"]:
        """Context strength from σ(L): strong A ↦ +1, strong B ↦ −1, the others linear between."""
        final = self.sigma[..., -1]
        low, high = final[..., STRONG_B, None], final[..., STRONG_A, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            return 2 * (final - low) / (high - low) - 1

    @property
    def scaled(self) -> Float[np.ndarray, "*draw word condition layer"]:
        """σ(l)/h, nan for conditions with |h| ≤ 0.05."""
        h = self.h[..., None]
        return self.sigma / np.where(np.abs(h) > LEAST_H, h, np.nan)

    @property
    def f(self) -> Float[np.ndarray, "*draw word layer"]:
        """Mean of σ(l)/h over the conditions with |h| > 0.05 (exp2)."""
        return np.nanmean(self.scaled, axis=-2)


def fan(conditions: Conditions) -> Float[np.ndarray, "*draw word layer"]:
    """σ(strong A) − σ(strong B) at each layer."""
    return conditions.sigma[..., STRONG_A, :] - conditions.sigma[..., STRONG_B, :]


def widening(conditions: Conditions) -> Float[np.ndarray, "*draw word"]:
    """The fan's width at l = L minus its width at l = 0."""
    width = fan(conditions)
    return width[..., -1] - width[..., 0]


def depth_correlation(curves: Float[np.ndarray, "*draw word layer"]) -> Float[np.ndarray, "*draw word"]:
    """Spearman correlation of each curve with the layer index; 0 for a constant curve."""
    ranks = scipy.stats.rankdata(curves, axis=-1)
    layers = np.arange(curves.shape[-1]) - (curves.shape[-1] - 1) / 2
    centred = ranks - ranks.mean(axis=-1, keepdims=True)
    norm = np.sqrt(np.sum(centred**2, axis=-1) * np.sum(layers**2))
    return np.where(norm > 0, centred @ layers / np.where(norm > 0, norm, 1), 0.0)


@dataclass(frozen=True, slots=True)
class Monotony:
    """The smallest over words of the Spearman correlation of the fan's width with l."""

    def estimate(self, *data: Nested[Any], population: Population, what: str = SPEARMAN, unit: str = "") -> Estimate:
        """The smallest correlation, every word with bounds of its own."""
        value, factor = left_out(fan, *data, population=population, least="worst of many")
        return smallest_spearman(value, data[0].point.x, factor, what=f"smallest {what}", unit=unit)


def jump_layer(sigma: Float[np.ndarray, "*draw layer"]) -> Int[np.ndarray, "*draw"]:
    """The layer l at whose end |σ(l) − σ(l−1)| is largest."""
    return np.abs(np.diff(sigma, axis=-1)).argmax(axis=-1) + 1


def jump_depth(conditions: Conditions) -> Float[np.ndarray, "*draw word"]:
    """Depth x of the largest step of a word, the steps' size averaged over its conditions."""
    steps = np.abs(np.diff(conditions.sigma, axis=-1)).mean(axis=-2)
    return conditions.x[steps.argmax(axis=-1) + 1]


def mean_spread(conditions: Conditions) -> Float[np.ndarray, "*draw layer"]:
    """Standard deviation of σ(l) over conditions, averaged over words."""
    return conditions.sigma.std(axis=-2).mean(axis=-2)


def interior_steps(point: Conditions) -> Callable[[Conditions], Float[np.ndarray, "*draw step"]]:
    """A statistic: the shares of the rise of the mean spread that the steps inside 0.1 ≤ x ≤ 0.9 carry, whatever their sign.

    The rise goes from the spread's smallest to its largest value over all layers, those of the `point`.
    """
    whole = mean_spread(point)
    bottom, top = int(whole.argmin()), int(whole.argmax())
    inside = (point.x[:-1] >= 0.1) & (point.x[1:] <= 0.9)

    def statistic(conditions: Conditions) -> Float[np.ndarray, "*draw step"]:
        spread = mean_spread(conditions)
        steps = np.abs(np.diff(spread, axis=-1))[..., inside]
        return steps / (spread[..., top] - spread[..., bottom])[..., None]

    return statistic


def final_spread(conditions: Conditions) -> Float[np.ndarray, "*draw"]:
    """Standard deviation of σ(L) over conditions, averaged over words."""
    return conditions.sigma[..., -1].std(axis=-1).mean(axis=-1)


def collapse_variance(conditions: Conditions) -> Float[np.ndarray, "*draw word"]:
    """Mean over layers, the last left out, of the variance over conditions of σ(l)/h (exp2)."""
    return np.nanvar(conditions.scaled[..., :-1], axis=-2).mean(axis=-1)


def changes_at_jump(
    sigma: Float[np.ndarray, "word condition layer"], top1: Int[np.ndarray, "word condition layer"]
) -> tuple[Float[np.ndarray, " word"], Float[np.ndarray, " word"]]:
    """How often each word's top-1 token changes at the jump layer, and at the others, over its conditions."""
    changed = (np.diff(top1, axis=-1) != 0).astype(float)
    jump = jump_layer(sigma)[..., None] - 1
    at_jump = np.take_along_axis(changed, jump, axis=-1)[..., 0]
    elsewhere = (changed.sum(axis=-1) - at_jump) / (changed.shape[-1] - 1)
    return at_jump.mean(axis=-1), elsewhere.mean(axis=-1)
