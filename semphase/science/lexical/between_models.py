"""The same curves in models of different depth (000 part G, 001 exp9)."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
from jaxtyping import Float

from semphase.science.lexical.response import Response, pearson
from semphase.science.lexical.shapes import erf_width

INVERSE_ROOT_PI = 1 / np.sqrt(np.pi)


def on_grid(
    curves: Float[np.ndarray, "*draw deep"], deep: Float[np.ndarray, " deep"], shallow: Float[np.ndarray, " shallow"]
) -> Float[np.ndarray, "*draw shallow"]:
    """Curves interpolated linearly from the depths of a deep model to those of a shallow one."""
    weights = np.stack([np.interp(shallow, deep, row) for row in np.eye(len(deep))])
    return curves @ weights


def mean_correlations(*responses: Response) -> Float[np.ndarray, "*draw pair"]:
    """The correlation of g_mean between each pair of models, on the shallower grid."""
    pairs = combinations(responses, 2)
    return np.stack([pearson(*_shared(a, a.g_mean, b, b.g_mean)) for a, b in pairs], axis=-1)


def mean_rmses(*responses: Response) -> Float[np.ndarray, "*draw pair"]:
    """The RMSE of g_mean between each pair of models, on the shallower grid."""
    pairs = combinations(responses, 2)
    return np.stack([_rmse(*_shared(a, a.g_mean, b, b.g_mean)) for a, b in pairs], axis=-1)


def word_correlations(*responses: Response) -> Float[np.ndarray, "*draw row"]:
    """The correlation of each word's f between each pair of models."""
    pairs = combinations(responses, 2)
    return np.concatenate([pearson(*_shared(a, a.f, b, b.f)) for a, b in pairs], axis=-1)


def width_differences(*responses: Response) -> Float[np.ndarray, "*draw row"]:
    """Differences of the models' erf widths over their mean, each pair both ways: the largest is their spread."""
    widths = np.stack([erf_width(response) for response in responses], axis=-1)
    centre = widths.mean(axis=-1)
    pairs = permutations(range(len(responses)), 2)
    return np.stack([(widths[..., a] - widths[..., b]) / centre for a, b in pairs], axis=-1)


def diffusion_deviations(*responses: Response) -> Float[np.ndarray, "*draw row"]:
    """D − 0.15 and 0.15 − D of every model, D = σ²/2 (000): the largest is the largest |D − 0.15|."""
    deviations = np.stack([erf_width(response) ** 2 / 2 - 0.15 for response in responses], axis=-1)
    return np.concatenate([deviations, -deviations], axis=-1)


def growths_away_from_pi(*responses: Response) -> Float[np.ndarray, "*draw step"]:
    """The growth of |σ_free − 1/√π| from each model to the next larger; ≤ 0 where it does not grow."""
    distance = np.abs(np.stack([erf_width(response) for response in responses], axis=-1) - INVERSE_ROOT_PI)
    return np.diff(distance, axis=-1)


def growths_away_from_integer(turns: Float[np.ndarray, "*draw model"]) -> Float[np.ndarray, "*draw step"]:
    """The growth of the distance of mean Θ/π to the nearest integer, models ordered by size."""
    return np.diff(np.abs(turns - np.round(turns)), axis=-1)


def _shared(
    a: Response, curve_a: np.ndarray, b: Response, curve_b: np.ndarray
) -> tuple[Float[np.ndarray, "*draw layer"], Float[np.ndarray, "*draw layer"]]:
    if len(a.x) <= len(b.x):
        return curve_a, on_grid(curve_b, b.x, a.x)
    return on_grid(curve_a, a.x, b.x), curve_b


def _rmse(a: Float[np.ndarray, "*draw layer"], b: Float[np.ndarray, "*draw layer"]) -> Float[np.ndarray, "*draw"]:
    return np.sqrt(np.mean((a - b) ** 2, axis=-1))
