"""The total angle Θ = Σ θ(l) by which the blocks turn the residual stream along the corpus (001 exp8 C)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int

from semphase.data.corpus import require_tokens
from semphase.measure.rotation import rotation_angles
from semphase.measure.text import leading_tokens, with_other_start
from semphase.models import Model
from semphase.stats.estimate import Estimate
from semphase.stats.estimates import share
from semphase.stats.left_out import Factor, largest
from semphase.study.sample import Sample
from semphase.study.study import Study
from semphase.tolerances import angle_tolerance

POSITIONS = 500
NEAR = 0.1
BLOCK = 10


@dataclass(eq=False)
class Rotation:
    """Angles between the streams before and after each block, at the first 500 positions of the corpus."""

    study: Study

    @cached_property
    def tokens(self) -> tuple[int, ...]:
        """The first 500 tokens of the corpus, fewer where the model reads fewer; SemphaseError where it has fewer.

        In universes the next 500 in their place, or the same behind another start.
        """
        model = self.study.tokenizing_model
        count = min(POSITIONS, model.context)
        if self.study.choice("tokens") == "next 500":
            start = int(model.prepend_bos)
            tokens = self._leading(2 * count - start)
            return (*tokens[:start], *tokens[count:])
        return with_other_start(model, self._leading(count)) if self.study.choice("bos") else self._leading(count)

    def _leading(self, count: int) -> tuple[int, ...]:
        model, corpus = self.study.tokenizing_model, self.study.corpus
        tokens = leading_tokens(model.encode, corpus.text, count)
        require_tokens(corpus, len(tokens), count)
        return tuple(tokens)

    @cached_property
    def measured(self) -> Float[np.ndarray, "position block"]:
        """θ(l) in radians, the tokens being one context."""
        return self.study.measured(rotation_angles, self.tokens)["angle"].values

    @property
    def angle(self) -> Float[np.ndarray, "position block"]:
        """The angles that are judged: all, or in universes those without position 0 or the first block."""
        position = int(self.study.choice("positions") == "without 0")
        return self.measured[position:, int(self.study.choice("layers") == "without 0") :]

    @property
    def block(self) -> int:
        """Positions that are taken as one unit."""
        found: int = self.study.choice("block") or BLOCK
        return found

    @property
    def turns(self) -> Float[np.ndarray, " position"]:
        """Θ/π at each position."""
        return turns(self.angle)

    def mean_turns(self) -> tuple[float, Float[np.ndarray, " block"]]:
        """Mean Θ/π over positions, and the same without each block of positions."""
        return mean_without_blocks(self.turns, self.block)

    def share_near_pi(self) -> Estimate:
        """The share of positions where Θ is within 0.1 rad of π."""
        near = near_pi(self.angle)
        return share(near, over="text", clusters=block_of(len(near), self.block))

    def samples(self) -> Iterator[Sample]:
        """All angles, their largest difference in radians."""

        def difference(reference: Model) -> float:
            return float(np.abs(self.measured - rotation_angles(reference, self.tokens)["angle"].values).max())

        model = self.study.tokenizing_model
        yield Sample("rotation angles", difference, angle_tolerance(self.study.dtype, model.layers, model.d_model))


def turns(angle: Float[np.ndarray, "position block"]) -> Float[np.ndarray, " position"]:
    """Θ/π at each position."""
    return angle.sum(axis=-1) / np.pi


def near_pi(angle: Float[np.ndarray, "position block"]) -> Bool[np.ndarray, " position"]:
    """Is Θ within 0.1 rad of π?"""
    return np.abs(angle.sum(axis=-1) - np.pi) <= NEAR


def block_of(positions: int, size: int = BLOCK) -> Int[np.ndarray, " position"]:
    """The contiguous block that each position lies in; a remainder of less than half a block joins the one before."""
    blocks = np.arange(positions) // size
    last = (positions - positions % size) // size
    return np.where((blocks == last) & (positions % size < size / 2), max(last - 1, 0), blocks)


def mean_without_blocks(
    values: Float[np.ndarray, " position"], size: int = BLOCK
) -> tuple[float, Float[np.ndarray, " block"]]:
    """The mean over positions, and without each block: neighbours share their context and are not independent."""
    of = block_of(len(values), size)
    sums, counts = np.bincount(of, values), np.bincount(of)
    return float(values.mean()), (sums.sum() - sums) / (counts.sum() - counts)


def largest_growth(
    turns: Sequence[tuple[float, Float[np.ndarray, " block"]]], growths: Callable[[np.ndarray], np.ndarray]
) -> Estimate:
    """The largest growth from each model to the next; `growths` takes [*any, model] and gives [*any, step]."""
    shared = min(len(without) for _, without in turns)
    whole = growths(np.array([mean for mean, _ in turns]))
    without = growths(np.stack([without[:shared] for _, without in turns], axis=-1))
    factor = Factor("text", without.T, least="worst of many")
    return largest(whole, factor, what="largest growth of the distance")
