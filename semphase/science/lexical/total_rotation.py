"""The total angle Θ = Σ θ(l) by which the blocks turn the residual stream (001 exp8 C)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

NEAR = 0.1
BLOCK = 20
BLOCKS = f"bootstrap of contiguous blocks of {BLOCK} positions"


def turns(angle: Float[np.ndarray, "position block"]) -> Float[np.ndarray, " position"]:
    """Θ/π at each position."""
    return angle.sum(axis=-1) / np.pi


def near_pi(angle: Float[np.ndarray, "position block"]) -> Bool[np.ndarray, " position"]:
    """Is Θ within 0.1 rad of π?"""
    return np.abs(angle.sum(axis=-1) - np.pi) <= NEAR


def block_means(
    values: Float[np.ndarray, " position"], draws: int, rng: np.random.Generator
) -> Float[np.ndarray, " draw"]:
    """Means of resampled contiguous blocks; neighbouring positions share their context and are not independent."""
    starts = rng.integers(0, len(values) - BLOCK + 1, size=(draws, -(-len(values) // BLOCK)))
    return values[starts[..., None] + np.arange(BLOCK)].reshape(draws, -1)[:, : len(values)].mean(axis=-1)
