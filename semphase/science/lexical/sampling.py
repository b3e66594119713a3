"""Bootstrap draws of σ for gradient prompts and conditions: direction sentences and prompts resampled together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from semphase.science.lexical.conditions import Conditions
from semphase.science.lexical.order_parameter import (
    Overlaps,
    draw_counts,
    draw_directions,
    draw_within,
    order_parameter,
)
from semphase.science.lexical.response import depths


@dataclass(frozen=True, slots=True)
class GradientDraws:
    """Weights of the direction sentences and indices of the gradient prompts in each draw."""

    weights: Float[np.ndarray, "draw word sentence"]
    index: Int[np.ndarray, "draw word prompt"]


def draw_gradients(
    sense: Int[np.ndarray, "word sentence"],
    strata: Int[np.ndarray, " prompt"],
    draws: int,
    rng: np.random.Generator,
) -> GradientDraws:
    """Draws of direction sentences, each sense for itself, and of prompts within their strata."""
    return GradientDraws(draw_directions(sense, draws, rng), draw_within(strata, (draws, len(sense)), rng))


def along_directions(
    data: Overlaps, drawn: GradientDraws
) -> tuple[Float[np.ndarray, "word prompt layer"], Float[np.ndarray, "draw word prompt layer"]]:
    """σ of gradient prompts, and its draws."""
    sigma = order_parameter(data, drawn.weights)
    return order_parameter(data, data.weights), np.take_along_axis(sigma, drawn.index[..., None], axis=2)


def sample_conditions(
    data: Overlaps, condition: Int[np.ndarray, "word prompt"], draws: int, rng: np.random.Generator
) -> tuple[Conditions, Conditions]:
    """σ under each condition, averaged over its prompts, and its draws; `condition` is −1 for padding."""
    weights = draw_directions(data.sense, draws, rng)
    member = np.stack([(condition == c).astype(float) for c in range(condition.max() + 1)])
    counts = np.stack([draw_counts(rows, draws, rng) for rows in member])
    x = depths(data.overlap.shape[2])
    point, drawn = order_parameter(data, data.weights), order_parameter(data, weights)
    return Conditions(x, _means(point, member)), Conditions(x, _means(drawn, counts))


def _means(
    sigma: Float[np.ndarray, "*draw word prompt layer"], counts: Float[np.ndarray, "condition *draw word prompt"]
) -> Float[np.ndarray, "*draw word condition layer"]:
    shares = counts / counts.sum(axis=-1, keepdims=True)
    return np.stack([np.einsum("...wp,...wpl->...wl", share, sigma, optimize=True) for share in shares], axis=-2)
