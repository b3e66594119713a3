"""Where g's rise comes from: attention or MLP (conjectured in 002)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from semphase.science.lexical.response import mean_correlation, respond


@dataclass(frozen=True, slots=True)
class Writes:
    """Slopes on h of the components along e_diff that attention and MLP of each block write, in stream units."""

    attention: Float[np.ndarray, "*draw word block"]
    mlp: Float[np.ndarray, "*draw word block"]

    def take_words(self, index: Int[np.ndarray, "*draw word"]) -> Writes:
        """Those of chosen words."""
        return Writes(self.attention[index], self.mlp[index])

    @property
    def rise(self) -> Float[np.ndarray, "*draw word block"]:
        """Both together, summed from the first block on: the slope of φ(l)·e_diff on h above that at l = 0."""
        return np.cumsum(self.attention + self.mlp, axis=-1)


def write_slopes(
    stream: Float[np.ndarray, "*draw word prompt layer"],
    attention: Float[np.ndarray, "*draw word prompt block"],
    h: Float[np.ndarray, "*draw word prompt"],
) -> Writes:
    """Slopes on h of the components of attention's writes, and of the rest of each block's step, the MLP's."""
    return Writes(respond(attention, h).f, respond(np.diff(stream, axis=-1) - attention, h).f)


def attention_share(writes: Writes) -> Float[np.ndarray, "*draw"]:
    """Attention's share of the mean rise, up to the block where the mean rise is largest."""
    total = writes.rise.mean(axis=-2)
    attention = np.cumsum(writes.attention, axis=-1).mean(axis=-2)
    peak = total.argmax(axis=-1)[..., None]
    return (np.take_along_axis(attention, peak, -1) / np.take_along_axis(total, peak, -1))[..., 0]


def correlation_lead(writes: Writes) -> Float[np.ndarray, "*draw"]:
    """Mean correlation between words of the attention-only profile minus that of the MLP-only profile."""
    profiles = [np.cumsum(part, axis=-1) for part in (writes.attention, writes.mlp)]
    attention, mlp = (mean_correlation(profile) for profile in profiles)
    return attention - mlp
