"""Random rising curves, the null for correlations: any two of them agree well above 0.9."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from semphase.stats.estimate import Estimate
from semphase.stats.estimates import share


def random_rising_curves(words: int, layers: int, draws: int, seed: int = 0) -> Float[np.ndarray, "draw word layer"]:
    """Cumulative sums of independent exponential increments, one value for each of l = 0…`layers`.

    Exponential increments are the uniform choice: given the end point, the curve is that of ordered uniform
    random numbers. Curves start at 0.
    """
    increments = np.random.default_rng(seed).exponential(1.0, (draws, words, layers))
    start = np.zeros((draws, words, 1))
    return np.concatenate([start, np.cumsum(increments, axis=-1)], axis=-1)


def smallest_correlation(curves: Float[np.ndarray, "*draw word layer"]) -> Float[np.ndarray, "*draw"]:
    """The smallest pairwise Pearson r over words; r counts as 0 where a curve does not vary."""
    centred = curves - curves.mean(axis=-1, keepdims=True)
    length = np.sqrt(np.sum(centred**2, axis=-1, keepdims=True))
    unit = np.where(length > 0, centred, 0.0) / np.where(length > 0, length, 1.0)
    products = unit @ np.swapaxes(unit, -1, -2)
    rows, columns = np.triu_indices(curves.shape[-2], k=1)
    return np.clip(products[..., rows, columns], -1.0, 1.0).min(axis=-1)


def share_above(level: float, words: int, layers: int, draws: int = 2000, seed: int = 0) -> Estimate:
    """The share of draws of random rising curves whose smallest pairwise Pearson r exceeds `level`."""
    smallest = smallest_correlation(random_rising_curves(words, layers, draws, seed))
    return share(smallest > level, over="samples")
