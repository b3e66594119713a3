"""Perplexity from token losses in contiguous blocks, and a paired test over them.

The losses of neighbouring tokens depend on each other, so the units are contiguous blocks and not tokens (Künsch 1989).
Two conditions on the same tokens share their blocks: most of the variance is that of the text, and it cancels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from semphase.errors import SemphaseError
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

    def in_runs(self, runs: int) -> BlockLosses:
        """The same losses in longer blocks, of which each joins as many neighbours (the blocks of one chunk)."""
        sums = self.sums.reshape(*self.sums.shape[:-1], runs, -1).sum(axis=-1)
        return BlockLosses(sums, self.counts.reshape(runs, -1).sum(axis=-1), self.text)

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
