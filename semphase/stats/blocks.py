"""Perplexity from token losses, with a paired bootstrap of contiguous blocks.

The losses of neighbouring tokens depend on each other, so contiguous blocks are resampled and not tokens (Künsch
1989). Two conditions on the same tokens share their blocks: most of the variance is that of the text, and it
cancels. Blocks are few, and a resample of m units scatters too little: the draws are moved outwards as in Hesterberg
(2015), so that whatever is later made of them (ratios, differences, the best of many) is wide enough.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from semphase.errors import SemphaseError, Undefined
from semphase.stats.estimate import Estimate
from semphase.stats.interval import EXPANSION, expanded, times_drawn, with_interval
from semphase.stats.signs import RESAMPLES, sign_flip_p

BLOCK = 64
"""Token losses in one contiguous block."""
LEAST = BLOCK // 2
"""A remainder of a chunk shorter than this joins the block before it."""
NATS = "nats"


@dataclass(frozen=True, slots=True)
class BlockLosses:
    """Sums of token losses in nats, [*any, block], and the number of tokens in each block, [block]."""

    sums: Float[np.ndarray, "*any block"]
    counts: Int[np.ndarray, " block"]
    text: str = ""
    """Names the tokens, where that is known: losses on others are not paired."""

    @property
    def tokens(self) -> int:
        """The number of token losses."""
        return int(self.counts.sum())

    @property
    def mean(self) -> Float[np.ndarray, "*any"]:
        """Mean loss in nats per token, [*any]."""
        return np.asarray(self.sums.sum(axis=-1) / self.tokens)

    @property
    def without(self) -> Float[np.ndarray, "*any block"]:
        """Mean loss in nats per token without each block in turn, [*any, block]."""
        if len(self.counts) < 2:
            raise SemphaseError(
                f"an interval needs at least two blocks of token losses and there are {self.tokens} losses in "
                f"{len(self.counts)}; give a longer --corpus"
            )
        return np.asarray((self.sums.sum(axis=-1, keepdims=True) - self.sums) / (self.tokens - self.counts))

    @property
    def perplexity(self) -> Float[np.ndarray, "*any"]:
        """exp of the mean loss, [*any]."""
        return np.asarray(np.exp(self.mean))


def in_blocks(
    losses: Float[np.ndarray, "*any chunk predicted"],
) -> tuple[Float[np.ndarray, "*any block"], Int[np.ndarray, " block"]]:
    """Sums of token losses over contiguous blocks within each chunk, in float64, and the blocks' sizes.

    No block spans two chunks; the block axis runs through the blocks of the first chunk, then of the second. The last
    block of a chunk takes its remainder of at least `LEAST` tokens; a shorter one joins the block before.
    """
    chunks, predicted = losses.shape[-2:]
    starts, sizes = _cuts(predicted)
    sums = np.add.reduceat(np.asarray(losses, dtype=np.float64), starts, axis=-1)
    return sums.reshape(*losses.shape[:-2], chunks * len(starts)), np.tile(sizes, chunks)


def _cuts(predicted: int) -> tuple[Int[np.ndarray, " block"], Int[np.ndarray, " block"]]:
    if predicted < 1:
        raise SemphaseError("a chunk without a predicted token has no loss; give chunks of at least two tokens")
    starts = np.arange(0, predicted, BLOCK)
    if len(starts) > 1 and predicted - starts[-1] < LEAST:
        starts = starts[:-1]
    return starts, np.diff(np.append(starts, predicted))


def draw_blocks(
    counts: Int[np.ndarray, " block"], draws: int, rng: np.random.Generator
) -> Int[np.ndarray, "draw block"]:
    """Indices of resampled blocks, as many in each draw as there are; conditions that share them are paired."""
    blocks = _enough(counts)
    return rng.integers(0, blocks, size=(draws, blocks))


def mean_draws(
    sums: Float[np.ndarray, "*any block"],
    counts: Int[np.ndarray, " block"],
    index: Int[np.ndarray, "draw block"],
) -> Float[np.ndarray, "*any draw"]:
    """Mean loss in nats per token of each draw's blocks, not yet expanded: the drawn sum over the drawn tokens."""
    times = times_drawn(index, len(counts))
    return np.asarray((np.asarray(sums, dtype=np.float64) @ times.T) / (times @ counts))


def mean_with_draws(
    sums: Float[np.ndarray, "*any block"], counts: Int[np.ndarray, " block"], draws: int, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "*any"], Float[np.ndarray, "*any draw"]]:
    """The mean in nats per token and its expanded draws; all conditions share their blocks."""
    index = draw_blocks(counts, draws, rng)
    if not np.isfinite(sums).all():
        raise Undefined("a loss that is not finite has no interval; look at the ablation or the precision it came from")
    mean = BlockLosses(sums, counts).mean
    return mean, expanded(mean, mean_draws(sums, counts, index), len(counts))


def ratio_estimate(
    changed: Float[np.ndarray, " block"],
    baseline: Float[np.ndarray, " block"],
    counts: Int[np.ndarray, " block"],
    *,
    draws: int,
    rng: np.random.Generator,
) -> Estimate:
    """Perplexity changed over perplexity at baseline, from sums of losses over the same blocks; n counts tokens."""
    value, drawn = mean_with_draws(changed - baseline, counts, draws, rng)
    return _estimate(np.exp(value), np.exp(drawn), counts, "paired bootstrap")


def difference_estimate(
    differences: Float[np.ndarray, " block"], counts: Int[np.ndarray, " block"], *, draws: int, rng: np.random.Generator
) -> Estimate:
    """The mean difference in nats per token, from each block's sum of differences of losses; n counts tokens."""
    value, drawn = mean_with_draws(differences, counts, draws, rng)
    return _estimate(value, drawn, counts, "paired bootstrap", NATS)


def paired_test(
    worse: Float[np.ndarray, " block"],
    better: Float[np.ndarray, " block"],
    counts: Int[np.ndarray, " block"],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> float:
    """One-sided p that the mean loss of `worse` is above that of `better`, by sign flips of whole blocks.

    Both are sums over the same blocks, so a longer block weighs more, as in the mean over tokens.
    """
    blocks = _enough(counts)
    return sign_flip_p((worse - better) * blocks / counts.sum(), resamples=resamples, seed=seed)


def _enough(counts: Int[np.ndarray, " block"]) -> int:
    if len(counts) < 2:
        raise SemphaseError(
            f"an interval needs at least two blocks of token losses and there are {int(np.sum(counts))} losses in "
            f"{len(counts)}; give a longer --corpus"
        )
    return len(counts)


def _estimate(
    value: np.ndarray, drawn: Float[np.ndarray, " draw"], counts: Int[np.ndarray, " block"], what: str, unit: str = ""
) -> Estimate:
    # Chunks shorter than a block are blocks themselves; the usual size is what the interval rests on.
    text = f"{what} of contiguous blocks of {int(np.median(counts))} token losses, {len(counts)} blocks"
    return with_interval(float(value), drawn, n=int(counts.sum()), what=text, unit=unit, note=EXPANSION)
