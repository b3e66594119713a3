"""The same curves in models of different depth (000 part G, 001 exp9)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

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


def worst_mean_correlation(*responses: Response) -> Float[np.ndarray, "*draw"]:
    """The smallest correlation of g_mean between two models, on the shallower grid."""
    return np.min([pearson(*_shared(a, a.g_mean, b, b.g_mean)) for a, b in combinations(responses, 2)], axis=0)


def worst_mean_rmse(*responses: Response) -> Float[np.ndarray, "*draw"]:
    """The largest RMSE of g_mean between two models, on the shallower grid."""
    return np.max([_rmse(*_shared(a, a.g_mean, b, b.g_mean)) for a, b in combinations(responses, 2)], axis=0)


def worst_word_correlation(*responses: Response) -> Float[np.ndarray, "*draw"]:
    """The smallest correlation of one word's f between two models."""
    pairs = combinations(responses, 2)
    return np.min([pearson(*_shared(a, a.f, b, b.f)).min(axis=-1) for a, b in pairs], axis=0)


def width_spread(*responses: Response) -> Float[np.ndarray, "*draw"]:
    """(largest − smallest) / mean of the erf widths of the models."""
    widths = np.stack([erf_width(response) for response in responses])
    return (widths.max(axis=0) - widths.min(axis=0)) / widths.mean(axis=0)


def diffusion_deviation(*responses: Response) -> Float[np.ndarray, "*draw"]:
    """The largest |D − 0.15| over models, D = σ²/2 (000)."""
    widths = np.stack([erf_width(response) for response in responses])
    return np.abs(widths**2 / 2 - 0.15).max(axis=0)


def growth_away_from_pi(*responses: Response) -> Float[np.ndarray, "*draw"]:
    """The largest growth of |σ_free − 1/√π| from one model to the next larger; ≤ 0 when it never grows."""
    distance = np.abs(np.stack([erf_width(response) for response in responses]) - INVERSE_ROOT_PI)
    return np.diff(distance, axis=0).max(axis=0)


def growth_away_from_integer(turns: Sequence[Float[np.ndarray, "*draw"] | float]) -> Float[np.ndarray, "*draw"]:
    """The largest growth of the distance of mean Θ/π to the nearest integer, models ordered by size."""
    values = np.stack([np.asarray(turn) for turn in turns])
    return np.diff(np.abs(values - np.round(values)), axis=0).max(axis=0)


def _shared(
    a: Response, curve_a: np.ndarray, b: Response, curve_b: np.ndarray
) -> tuple[Float[np.ndarray, "*draw layer"], Float[np.ndarray, "*draw layer"]]:
    if len(a.x) <= len(b.x):
        return curve_a, on_grid(curve_b, b.x, a.x)
    return on_grid(curve_a, a.x, b.x), curve_b


def _rmse(a: Float[np.ndarray, "*draw layer"], b: Float[np.ndarray, "*draw layer"]) -> Float[np.ndarray, "*draw"]:
    return np.sqrt(np.mean((a - b) ** 2, axis=-1))
