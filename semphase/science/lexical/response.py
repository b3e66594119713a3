"""The response f(l) of σ to the context's strength h, and its normalised form g = f / max f (001 exp3, 000).

Arrays are [..., word, layer] with layers l = 0 … L; leading axes number what was left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy
from jaxtyping import Bool, Float, Int

from semphase.errors import SemphaseError
from semphase.stats.estimate import Estimate
from semphase.stats.median import smallest_median
from semphase.stats.nested import Nested, Population


@dataclass(frozen=True, slots=True)
class Response:
    """f: slope of the least-squares line of σ(l) on h over a word's gradient prompts; r2: its R².

    x: depth l/L. `sigma` [..., word, prompt, layer] and `h` [..., word, prompt] are what they were made from.
    """

    x: Float[np.ndarray, " layer"]
    h: Float[np.ndarray, "*draw word prompt"]
    sigma: Float[np.ndarray, "*draw word prompt layer"]
    f: Float[np.ndarray, "*draw word layer"]
    r2: Float[np.ndarray, "*draw word layer"]

    @property
    def g(self) -> Float[np.ndarray, "*draw word layer"]:
        """f divided by its maximum over layers; undefined (nan) for a word whose f is nowhere positive."""
        return normalised(self.f)

    @property
    def g_mean(self) -> Float[np.ndarray, "*draw layer"]:
        """Mean of g over words."""
        return self.g.mean(axis=-2)

    def take_words(self, index: Int[np.ndarray, "*draw word"]) -> Response:
        """Those of chosen words."""
        arrays = (array[index] for array in (self.h, self.sigma, self.f, self.r2))
        return Response(self.x, *arrays)


def strength_from_final_sigma(
    sigma: Float[np.ndarray, "*draw word prompt layer"],
) -> Float[np.ndarray, "*draw word prompt"]:
    """h = σ(L) / max |σ(L)| over the word's prompts (001 exp3); makes R²(L) = 1 by construction."""
    final = sigma[..., -1]
    return final / np.abs(final).max(axis=-1, keepdims=True)


def respond(sigma: Float[np.ndarray, "*draw word prompt layer"], h: Float[np.ndarray, "*draw word prompt"]) -> Response:
    """Least squares of σ(l) on h, intercept included, for each word and layer; R² is 0 where σ has no variance."""
    centred_h = h - h.mean(axis=-1, keepdims=True)
    centred = sigma - sigma.mean(axis=-2, keepdims=True)
    spread_h = np.sum(centred_h**2, axis=-1)[..., None]
    covariance = np.einsum("...p,...pl->...l", centred_h, centred)
    spread = np.sum(centred**2, axis=-2)
    with np.errstate(divide="ignore", invalid="ignore"):
        f = covariance / spread_h
        r2 = covariance**2 / (spread_h * spread)
    # Identical embeddings differ by rounding alone: relative to σ's unit range that is no variance.
    no_variance = spread <= sigma.shape[-2] * np.finfo(np.float32).eps ** 2
    return Response(depths(sigma.shape[-1]), h, sigma, f, np.where(no_variance, 0.0, r2))


def depths(layers: int) -> Float[np.ndarray, " layer"]:
    """x = l/L of l = 0 … L, each quotient rounded once, so that 28/35 is 0.8 and meets x ≥ 0.8."""
    return np.arange(layers) / (layers - 1)


def normalised(f: Float[np.ndarray, "*draw layer"]) -> Float[np.ndarray, "*draw layer"]:
    """f / max f; nan where the maximum is not positive."""
    top = f.max(axis=-1, keepdims=True)
    return np.where(top > 0, f / np.where(top > 0, top, 1.0), np.nan)


def truncated(g: Float[np.ndarray, "*draw layer"]) -> Float[np.ndarray, "*draw kept"]:
    """g without its last two points, rescaled to maximum 1 (000, section 4)."""
    return normalised(g[..., :-2])


def pearson(a: Float[np.ndarray, "*draw layer"], b: Float[np.ndarray, "*draw layer"]) -> Float[np.ndarray, "*draw"]:
    """Pearson correlation along the last axis; nan where one side is constant."""
    a = a - a.mean(axis=-1, keepdims=True)
    b = b - b.mean(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.sum(a * b, axis=-1) / np.sqrt(np.sum(a * a, axis=-1) * np.sum(b * b, axis=-1))


def pairwise_pearson(curves: Float[np.ndarray, "*draw word layer"]) -> Float[np.ndarray, "*draw pair"]:
    """Correlations of all pairs of words, in the order of `numpy.triu_indices`."""
    first, second = np.triu_indices(curves.shape[-2], 1)
    return pearson(curves[..., first, :], curves[..., second, :])


def mean_correlation(curves: Float[np.ndarray, "*draw word layer"]) -> Float[np.ndarray, "*draw"]:
    """Mean correlation over the pairs of words."""
    return pairwise_pearson(curves).mean(axis=-1)


def correlations(response: Response) -> Float[np.ndarray, "*draw pair"]:
    """Pearson's r of f for every pair of words (001 exp3: above 0.96)."""
    return pairwise_pearson(response.f)


def rank_correlations(response: Response) -> Float[np.ndarray, "*draw pair"]:
    """Spearman's ρ of f for every pair of words."""
    return pairwise_pearson(scipy.stats.rankdata(response.f, axis=-1))


def increment_correlation(response: Response) -> Float[np.ndarray, "*draw"]:
    """Mean pairwise correlation of the increments f(l) − f(l−1)."""
    return mean_correlation(np.diff(response.f, axis=-1))


def word_residuals(response: Response) -> Float[np.ndarray, "*draw word"]:
    """RMSE over layers of g_word − g_mean (000, part E)."""
    deviation = response.g - response.g_mean[..., None, :]
    return np.sqrt(np.mean(deviation**2, axis=-1))


def deep_r2(response: Response) -> Float[np.ndarray, "*draw word deep"]:
    """R² of every word at the layers with 0.6 ≤ x < 1 (001 exp3)."""
    return response.r2[..., (response.x >= 0.6) & (response.x < 1)]


def embedding_r2(response: Response) -> Float[np.ndarray, "*draw word one"]:
    """R² of every word at l = 0 (001 exp3)."""
    return response.r2[..., :1]


@dataclass(frozen=True, slots=True)
class Medians:
    """The smallest of medians over words, of `values` [word, row] between 0 and 1 of a point response."""

    values: Callable[[Response], Float[np.ndarray, "word row"]]

    def estimate(self, *data: Nested[Any], population: Population, what: str = "median", unit: str = "") -> Estimate:
        """The estimate with the order statistics of every row."""
        if population != "words":
            raise SemphaseError(f"medians over words speak of words, not of {population}")
        made = smallest_median(self.values(data[0].point).T, over="words", unit=unit, within=(0, 1))
        return replace(made, method=f"{what}: {made.method}")


def separable_share(response: Response) -> Float[np.ndarray, "*draw"]:
    """Share of the pooled variance of σ − intercept explained by h · f_max(word) · g_mean(l) (000, "complete")."""
    intercept = response.sigma.mean(axis=-2) - response.f * response.h.mean(axis=-1)[..., None]
    target = response.sigma - intercept[..., None, :]
    shape = response.f.max(axis=-1)[..., None] * response.g_mean[..., None, :]
    predicted = response.h[..., None] * shape[..., None, :]
    axes = (-3, -2, -1)
    residual = np.sum((target - predicted) ** 2, axis=axes)
    return 1 - residual / np.sum((target - target.mean(axis=axes, keepdims=True)) ** 2, axis=axes)


def falls(response: Response) -> Float[np.ndarray, "*draw between"]:
    """By how much g_mean falls from each layer 1 … L − 1 to l = L; the largest is the drop from its peak."""
    return response.g_mean[..., 1:-1] - response.g_mean[..., -1:]


@dataclass(frozen=True, slots=True)
class Rise:
    """g of every word up to the layer where the mean over all words is largest, which stays where it is."""

    g: Float[np.ndarray, "*draw word rising"]

    def take_words(self, index: Int[np.ndarray, "*draw word"]) -> Rise:
        """Those of chosen words."""
        return Rise(self.g[index])


def rise(response: Response) -> Rise:
    """The rise of a point response to the peak of its g_mean."""
    return Rise(response.g[:, : int(response.g_mean.argmax()) + 1])


def increment_variation(rising: Rise) -> Float[np.ndarray, "*draw"]:
    """Coefficient of variation of the increments of g_mean up to its peak (000: equal share of every layer).

    nan where there are fewer than two.
    """
    steps = np.diff(rising.g.mean(axis=-2), axis=-1)
    if steps.shape[-1] < 2:
        return np.full(steps.shape[:-1], np.nan)
    mean = steps.mean(axis=-1)
    return np.where(mean > 0, steps.std(axis=-1, ddof=1) / np.where(mean > 0, mean, 1.0), np.nan)


def quadratic_gain(response: Response) -> Float[np.ndarray, "*draw word layer"]:
    """Variance of σ(l) that h² explains beyond h: R² of the quadratic minus R² of the line."""
    h = response.h - response.h.mean(axis=-1, keepdims=True)
    square = h**2 - np.mean(h**2, axis=-1, keepdims=True)
    overlap = np.sum(square * h, axis=-1, keepdims=True) / np.sum(h * h, axis=-1, keepdims=True)
    orthogonal = square - overlap * h
    centred = response.sigma - response.sigma.mean(axis=-2, keepdims=True)
    explained = np.einsum("...p,...pl->...l", orthogonal, centred) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        share = explained / (np.sum(orthogonal**2, axis=-1)[..., None] * np.sum(centred**2, axis=-2))
    return np.where(np.isfinite(share), share, 0.0)


def gain_beyond_noise(response: Response) -> Float[np.ndarray, "*draw word layer"]:
    """`quadratic_gain` less what noise of the size of the quadratic's residual gains, so that for a line its mean is 0."""
    gain = quadratic_gain(response)
    explained = response.r2 + gain
    per_parameter = (1 - explained) / (response.h.shape[-1] - 3)
    return np.where(explained > 0, gain - per_parameter, 0.0)


def falling(response: Response) -> Bool[np.ndarray, " word"]:
    """Which words have an f that peaks between the first block and the last layer, and falls from there."""
    peak = response.f.argmax(axis=-1)
    return (peak >= 1) & (peak < response.f.shape[-1] - 1)


def gain_around_peak(response: Response) -> tuple[Float[np.ndarray, " falling"], Float[np.ndarray, " falling"]]:
    """Mean `gain_beyond_noise` up to the peak of f (l = 0 apart) and after it, for the words whose f falls."""
    words = falling(response)
    gain, peak = gain_beyond_noise(response)[words], response.f[words].argmax(axis=-1)
    layers = np.arange(gain.shape[-1])
    after = layers > peak[:, None]
    before = (layers >= 1) & ~after
    return (gain * before).sum(axis=-1) / before.sum(axis=-1), (gain * after).sum(axis=-1) / after.sum(axis=-1)


def with_permuted_increments(response: Response, rng: np.random.Generator) -> Response:
    """The point response with each word's increments f(l) − f(l−1) in an order of its own within each third of the depth.

    What is left is the coarse course that the words share.
    """
    start, steps = response.f[:, :1], np.diff(response.f, axis=-1)
    mixed = [rng.permuted(third, axis=-1) for third in np.array_split(steps, 3, axis=-1)]
    f = np.concatenate([start, start + np.concatenate(mixed, axis=-1).cumsum(axis=-1)], axis=-1)
    return replace(response, f=f)


def increment_leads(own: Response, *others: Response) -> Float[np.ndarray, "*draw other"]:
    """By how much `increment_correlation` exceeds that of each other response to the same words."""
    return np.stack([increment_correlation(own) - increment_correlation(other) for other in others], axis=-1)
