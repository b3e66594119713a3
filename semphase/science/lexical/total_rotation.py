"""The total angle Θ = Σ θ(l) by which the blocks turn the residual stream along the corpus (001 exp8 C)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Shaped

from semphase.data.corpus import require_tokens
from semphase.measure.rotation import rotation_angles
from semphase.measure.text import leading_tokens
from semphase.models import Model
from semphase.stats.estimate import Estimate
from semphase.stats.interval import with_interval
from semphase.study.sample import Sample
from semphase.study.study import Study
from semphase.tolerances import angle_tolerance

POSITIONS = 500
NEAR = 0.1
BLOCK = 20
BLOCKS = f"bootstrap of contiguous blocks of {BLOCK} positions"


@dataclass(eq=False)
class Rotation:
    """Angles between the streams before and after each block, at the first 500 positions of the corpus."""

    study: Study

    @cached_property
    def tokens(self) -> tuple[int, ...]:
        """The first 500 tokens of the corpus, fewer where the model reads fewer; SemphaseError where it has fewer."""
        model, corpus = self.study.tokenizing_model, self.study.corpus
        count = min(POSITIONS, model.context)
        tokens = leading_tokens(model.encode, corpus.text, count)
        require_tokens(corpus, len(tokens), count)
        return tuple(tokens)

    @cached_property
    def angle(self) -> Float[np.ndarray, "position block"]:
        """θ(l) in radians, the tokens being one context."""
        return self.study.measured(rotation_angles, self.tokens)["angle"].values

    @property
    def turns(self) -> Float[np.ndarray, " position"]:
        """Θ/π at each position."""
        return turns(self.angle)

    def mean_with_draws(self, values: np.ndarray) -> tuple[float, Float[np.ndarray, " draw"]]:
        """The mean over positions, and its draws of blocks of positions."""
        return float(values.mean()), block_means(values, self.study.budget.draws, self.study.rng("rotation"))

    def share_near_pi(self) -> Estimate:
        """The share of positions where Θ is within 0.1 rad of π."""
        near = near_pi(self.angle)
        value, draws = self.mean_with_draws(near)
        return with_interval(value, draws, n=len(near), what=BLOCKS)

    def samples(self) -> Iterator[Sample]:
        """All angles, their largest difference in radians."""

        def difference(reference: Model) -> float:
            return float(np.abs(self.angle - rotation_angles(reference, self.tokens)["angle"].values).max())

        model = self.study.tokenizing_model
        yield Sample("rotation angles", difference, angle_tolerance(self.study.dtype, model.layers, model.d_model))


def turns(angle: Float[np.ndarray, "position block"]) -> Float[np.ndarray, " position"]:
    """Θ/π at each position."""
    return angle.sum(axis=-1) / np.pi


def near_pi(angle: Float[np.ndarray, "position block"]) -> Bool[np.ndarray, " position"]:
    """Is Θ within 0.1 rad of π?"""
    return np.abs(angle.sum(axis=-1) - np.pi) <= NEAR


def block_means(
    values: Shaped[np.ndarray, " position"], draws: int, rng: np.random.Generator
) -> Float[np.ndarray, " draw"]:
    """Means of resampled contiguous blocks; neighbouring positions share their context and are not independent."""
    starts = rng.integers(0, len(values) - BLOCK + 1, size=(draws, -(-len(values) // BLOCK)))
    return values[starts[..., None] + np.arange(BLOCK)].reshape(draws, -1)[:, : len(values)].mean(axis=-1)
