"""The order parameter σ(l) = cos(φ(l), e_diff) (study 001, exp1).

e_diff is the difference of the mean final streams of two sets of direction sentences. Since e_diff is linear in
those streams, σ follows from the overlaps of each prompt's stream with each direction sentence, and σ without a
sentence is a product of small matrices: no stream is touched again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

_EPS = np.finfo(np.float64).eps


@dataclass(frozen=True, slots=True)
class Overlaps:
    """Overlaps of prompts with direction sentences for every word.

    overlap: φ_p(l) · φ_k(L) / ‖φ_p(l)‖; gram: φ_j(L) · φ_k(L); sense: +1 for sentences of sense A, −1 for B,
    0 for padding.
    """

    overlap: Float[np.ndarray, "word prompt layer sentence"]
    gram: Float[np.ndarray, "word sentence sentence"]
    sense: Int[np.ndarray, "word sentence"]

    @property
    def weights(self) -> Float[np.ndarray, "word sentence"]:
        """Weights that make e_diff of the sentences: 1/n_A for sense A, −1/n_B for B."""
        return mean_difference(np.abs(self.sense).astype(float), self.sense)


Overlapping = Callable[[np.ndarray, np.ndarray, np.ndarray], Overlaps]
"""`overlaps` or `projections`: from streams, the direction sentences' final streams and their senses."""


def overlaps(
    streams: Float[np.ndarray, "word prompt layer d"],
    finals: Float[np.ndarray, "word sentence d"],
    sense: Int[np.ndarray, "word sentence"],
) -> Overlaps:
    """Overlaps of the streams with the final streams of the direction sentences; rows of sense 0 are padding."""
    raw = projections(streams, finals, sense)
    norms = np.sqrt(np.einsum("wpld,wpld->wpl", streams, streams, dtype=np.float64))
    return Overlaps(raw.overlap / norms[..., None], raw.gram, raw.sense)


def projections(
    writes: Float[np.ndarray, "word prompt layer d"],
    finals: Float[np.ndarray, "word sentence d"],
    sense: Int[np.ndarray, "word sentence"],
) -> Overlaps:
    """The same without dividing by norms: `order_parameter` then gives the components along e_diff, in stream units."""
    finals = np.where(sense[..., None] == 0, 0.0, finals).astype(np.float64)
    # Word by word, so that no double-precision copy of all streams is ever held.
    overlap = np.stack([own.astype(np.float64) @ final.T for own, final in zip(writes, finals, strict=True)])
    return Overlaps(overlap, finals @ finals.mT, sense)


def mean_difference(
    counts: Float[np.ndarray, "*draw word sentence"], sense: Int[np.ndarray, "word sentence"]
) -> Float[np.ndarray, "*draw word sentence"]:
    """Signed weights of the sentences drawn `counts` times: each sense's weights sum to ±1."""
    total_a = np.sum(counts * (sense > 0), axis=-1, keepdims=True)
    total_b = np.sum(counts * (sense < 0), axis=-1, keepdims=True)
    return counts * np.where(sense > 0, 1 / total_a, np.where(sense < 0, -1 / total_b, 0.0))


def order_parameter(
    data: Overlaps, weights: Float[np.ndarray, "*draw word sentence"]
) -> Float[np.ndarray, "*draw word prompt layer"]:
    """σ for e_diff made with `weights`; dimensionless, in [−1, 1], and 0 where the senses do not differ at all."""
    squared = np.einsum("...wj,wjk,...wk->...w", weights, data.gram, weights, optimize=True)
    projected = np.einsum("wpls,...ws->...wpl", data.overlap, weights, optimize=True)
    # Sums of this many products leave so much of nothing.
    rounding = 4 * _EPS * np.sum(np.abs(weights) * np.sqrt(np.einsum("wkk->wk", data.gram)), axis=-1) ** 2
    return projected / np.sqrt(np.where(squared > rounding, squared, np.inf))[..., None, None]
