"""The response f(l) of σ to the context's strength h, and its normalised form g = f / max f (001 exp3, 000).

Arrays are [..., word, layer] with layers l = 0 … L; leading axes are bootstrap draws.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int


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
    """Mean correlation over the pairs of words; a word that a draw holds twice makes no pair with itself."""
    first, second = np.triu_indices(curves.shape[-2], 1)
    different = (curves[..., first, :] != curves[..., second, :]).any(axis=-1)
    total = np.sum(np.where(different, pairwise_pearson(curves), 0.0), axis=-1)
    count = different.sum(axis=-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def correlations(response: Response) -> Float[np.ndarray, "*draw pair"]:
    """Pearson's r of f for every pair of words (001 exp3: above 0.96)."""
    return pairwise_pearson(response.f)


def increment_correlation(response: Response) -> Float[np.ndarray, "*draw"]:
    """Mean pairwise correlation of the increments f(l) − f(l−1)."""
    return mean_correlation(np.diff(response.f, axis=-1))


def word_residuals(response: Response) -> Float[np.ndarray, "*draw word"]:
    """RMSE over layers of g_word − g_mean (000, part E)."""
    deviation = response.g - response.g_mean[..., None, :]
    return np.sqrt(np.mean(deviation**2, axis=-1))


def deep_linearity(response: Response) -> Float[np.ndarray, "*draw"]:
    """The smallest, over 0.6 ≤ x < 1, of the median R² over words (001 exp3)."""
    deep = (response.x >= 0.6) & (response.x < 1)
    return np.median(response.r2, axis=-2)[..., deep].min(axis=-1)


def embedding_linearity(response: Response) -> Float[np.ndarray, "*draw"]:
    """Median over words of R² at l = 0 (001 exp3)."""
    return np.median(response.r2[..., 0], axis=-1)


def separable_share(response: Response) -> Float[np.ndarray, "*draw"]:
    """Share of the pooled variance of σ − intercept explained by h · f_max(word) · g_mean(l) (000, "complete")."""
    intercept = response.sigma.mean(axis=-2) - response.f * response.h.mean(axis=-1)[..., None]
    target = response.sigma - intercept[..., None, :]
    shape = response.f.max(axis=-1)[..., None] * response.g_mean[..., None, :]
    predicted = response.h[..., None] * shape[..., None, :]
    axes = (-3, -2, -1)
    residual = np.sum((target - predicted) ** 2, axis=axes)
    return 1 - residual / np.sum((target - target.mean(axis=axes, keepdims=True)) ** 2, axis=axes)


def peak_position(response: Response) -> Float[np.ndarray, "*draw"]:
    """Depth x at which g_mean is largest."""
    return response.x[response.g_mean.argmax(axis=-1)]


def final_drop(response: Response) -> Float[np.ndarray, "*draw"]:
    """Peak of g_mean minus its value at l = L."""
    return response.g_mean.max(axis=-1) - response.g_mean[..., -1]


def increment_variation(response: Response) -> Float[np.ndarray, "*draw"]:
    """Coefficient of variation of the increments of g_mean up to its peak (000: equal share of every layer)."""
    g = np.atleast_2d(response.g_mean)
    steps = np.diff(g, axis=-1)
    before = np.arange(steps.shape[-1]) < g.argmax(axis=-1)[:, None]
    count = before.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.sum(steps * before, axis=-1) / count
        variance = np.sum((steps - mean[:, None]) ** 2 * before, axis=-1) / (count - 1)
        variation = np.where((count > 1) & (mean > 0), np.sqrt(variance) / mean, np.nan)
    return variation.reshape(response.g_mean.shape[:-1])


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


def permuted_increment_correlation(rng: np.random.Generator) -> Callable[[Response], Float[np.ndarray, "*draw"]]:
    """`increment_correlation` with each word's increments in an order of its own, the same in every draw."""

    def statistic(response: Response) -> Float[np.ndarray, "*draw"]:
        increments = np.diff(response.f, axis=-1)
        orders = np.random.default_rng(seed).permuted(
            np.tile(np.arange(increments.shape[-1]), (increments.shape[-2], 1)), axis=-1
        )
        return mean_correlation(increments[..., np.arange(len(orders))[:, None], orders])

    seed = int(rng.integers(2**32))
    return statistic
