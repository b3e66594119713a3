"""How far screened effects of heads can be trusted, judged by the heads of which the exact ones are known.

An error matters by the ranks that it moves: near the registered count it is set beside the spread of the effects, and for
a head far from there, whose error may be large since its effect is, beside its distance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

DRAWN = 8
"""Heads over the whole ranking that are measured exactly only to see how far the screening is off there."""
SOUND, BROKEN = 0.25, 0.5
"""Errors up to this share of the effects' spread leave the ranking as it is; beyond the second nothing is screened.

In bfloat16 SmolLM2's zeroed heads are off by 0.04, ReLU scores by 0.15, unnormalised scores, which break the model, by 0.3.
"""
REACH = 2.0
"""Of unsound screening, heads that are nearer to the registered count than this many of its errors are confirmed."""


@dataclass(eq=False)
class Trial:
    """Effects [head] by screening, in nats per token, and the exact ones as far as they are known."""

    screened: Float[np.ndarray, " head"]
    count: int

    def __post_init__(self) -> None:
        self.exact: Float[np.ndarray, " head"] = np.full(self.screened.shape, np.nan)
        self.drawn: Bool[np.ndarray, " head"] = np.zeros(self.screened.shape, dtype=bool)
        """Heads that were drawn, and stand for all whose exact effect is not known; others were chosen by their ranks."""

    @property
    def known(self) -> Bool[np.ndarray, " head"]:
        """Of which heads the exact effect is known."""
        return ~np.isnan(self.exact)

    @property
    def effects(self) -> Float[np.ndarray, " head"]:
        """The best there is of each head."""
        return np.where(self.known, self.exact, self.screened)

    @property
    def cut(self) -> float:
        """The effect that separates the registered count from the others."""
        ranked = np.sort(self.effects)
        ends = np.clip([self.count - 1, self.count], 0, len(ranked) - 1)
        return float(ranked[ends].mean())

    @property
    def spread(self) -> float:
        """The interquartile range of the effects."""
        return float(np.subtract(*np.percentile(self.effects, [75, 25])))

    @property
    def shares(self) -> Float[np.ndarray, " known"]:
        """Of each known head the screening's error, as a share of what would have to be bridged for another decision."""
        known = self.known
        errors = np.abs(self.screened - self.exact)[known]
        units = np.maximum(np.abs(self.exact[known] - self.cut), self.spread)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(errors > 0, errors / units, 0.0)

    @property
    def error(self) -> float:
        """The root mean square of these shares, over all heads as far as those that were drawn tell of them."""
        stands_for = 1 + self.drawn[self.known] * (~self.known).sum() / max(1, self.drawn.sum())
        return math.sqrt(float(np.average(self.shares**2, weights=stands_for)))

    @property
    def sound(self) -> bool:
        """Are the ranks to be trusted of heads whose exact effect is not known?"""
        return self.error <= SOUND

    def doubtful(self) -> Int[np.ndarray, " doubtful"]:
        """Of unsound screening, the heads whose exact effect must be known as well: all of a broken one."""
        far = math.inf if self.error > BROKEN else REACH * self.error * self.spread
        return np.flatnonzero(~self.known & (np.abs(self.effects - self.cut) <= far))


def drawn(
    effects: Float[np.ndarray, " head"], beside: Int[np.ndarray, " chosen"], rng: np.random.Generator
) -> Int[np.ndarray, " drawn"]:
    """Heads to judge a screening by, beside those that are chosen already: one of each eighth of the ranking."""
    left = [int(head) for head in np.argsort(effects, kind="stable") if head not in beside]
    parts = np.array_split(np.array(left, dtype=np.int64), min(DRAWN, max(1, len(left))))
    return np.sort([int(rng.choice(part)) for part in parts if len(part)]).astype(np.int64)
