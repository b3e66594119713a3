"""Perplexity ratios and loss differences on the same blocks of text, with what leaving each block out makes of them.

The losses of neighbouring tokens depend on each other, so contiguous blocks are left out and not tokens (Künsch 1989).
Two conditions on the same tokens share their blocks: most of the variance is that of the text, and it cancels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from semphase.errors import Undefined
from semphase.stats.blocks import NATS, BlockLosses
from semphase.stats.estimate import Estimate
from semphase.stats.least import lacking
from semphase.stats.left_out import Factor, smallest, smooth
from semphase.stats.ranges import POSITIVE


@dataclass(frozen=True, slots=True, eq=False)
class Ratios:
    """Log ratios of perplexities [condition] to one baseline, and the same without each block of the text."""

    logs: Float[np.ndarray, " condition"]
    without: Float[np.ndarray, "condition block"]

    @property
    def values(self) -> Float[np.ndarray, " condition"]:
        """Perplexities over the baseline's."""
        return np.exp(self.logs)

    def estimate(self, condition: int = 0) -> Estimate:
        """One condition's ratio."""
        factor = Factor("text", np.exp(self.without[condition]), least="ratio of perplexities")
        return smooth(float(self.values[condition]), factor, what="ratio of perplexities", within=POSITIVE)

    def difference(self, condition: int = 0) -> Estimate:
        """One condition's mean loss less the baseline's, in nats per token."""
        factor = Factor("text", self.without[condition], least="mean")
        return smooth(float(self.logs[condition]), factor, what="difference of mean losses", unit=NATS)

    def best(self, conditions: Sequence[int] | None = None) -> Estimate:
        """The lowest ratio of several conditions, each with bounds of its own."""
        chosen = list(range(len(self.logs))) if conditions is None else list(conditions)
        factor = Factor("text", np.exp(self.without[chosen]), least="worst of many")
        return smallest(self.values[chosen], factor, what="lowest ratio of perplexities", within=POSITIVE)

    @property
    def intervals(self) -> Float[np.ndarray, "condition end"]:
        """95 % intervals, for tables and figures."""
        each = [self.estimate(condition) for condition in range(len(self.logs))]
        return np.array([(own.low, own.high) for own in each])


def difference_estimate(differences: Float[np.ndarray, " block"], counts: Int[np.ndarray, " block"]) -> Estimate:
    """The mean difference in nats per token, from each block's sum of differences of losses, blocks left out."""
    if len(counts) > 1:
        return ratios(BlockLosses(differences, counts), BlockLosses(np.zeros(len(counts)), counts)).difference()
    value, lacks = float(differences.sum() / counts.sum()), lacking("mean", len(counts), 1.0, "text")
    method = "difference of mean losses, nothing to leave out"
    return Estimate(
        value, -np.inf, np.inf, method, len(counts), NATS, population=("text",), units=(len(counts),), lacks=lacks
    )


def ratios(changed: BlockLosses, baseline: BlockLosses) -> Ratios:
    """PPL ratios of conditions, sums [condition, block] or [block], to the baseline, sums [block]."""
    if not np.isfinite(changed.sums).all() or not np.isfinite(baseline.sums).all():
        raise Undefined("a loss that is not finite has no interval; look at the ablation or the precision it came from")
    apart = BlockLosses(np.atleast_2d(changed.sums) - baseline.sums, baseline.counts)
    return Ratios(apart.mean, apart.without)
