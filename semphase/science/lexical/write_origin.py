"""Where g's rise comes from: attention or MLP (conjectured in 002)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from semphase.science.lexical.response import mean_correlation, respond


@dataclass(frozen=True, slots=True)
class Writes:
    """Slopes on h of the components along e_diff that attention and MLP of each block write, in stream units.

    `peak` is the block where the mean rise over all words is largest; it stays when words are left out.
    """

    attention: Float[np.ndarray, "*draw word block"]
    mlp: Float[np.ndarray, "*draw word block"]
    peak: int

    def take_words(self, index: Int[np.ndarray, "*draw word"]) -> Writes:
        """Those of chosen words."""
        return Writes(self.attention[index], self.mlp[index], self.peak)


def write_slopes(
    stream: Float[np.ndarray, "word prompt layer"],
    attention: Float[np.ndarray, "word prompt block"],
    h: Float[np.ndarray, "word prompt"],
) -> Writes:
    """Slopes on h of the components of attention's writes, and of the rest of each block's step, the MLP's."""
    return of_parts(respond(attention, h).f, respond(np.diff(stream, axis=-1) - attention, h).f)


def of_parts(attention: Float[np.ndarray, "word block"], mlp: Float[np.ndarray, "word block"]) -> Writes:
    """Writes with the block where the slope of φ(l)·e_diff on h, averaged over words, has risen most above l = 0."""
    return Writes(attention, mlp, int((attention + mlp).mean(axis=0).cumsum().argmax()))


def attention_share(writes: Writes) -> Float[np.ndarray, "*draw"]:
    """Attention's share of the mean rise, up to the block where the mean rise is largest."""
    attention, mlp = (
        part[..., : writes.peak + 1].sum(axis=-1).mean(axis=-1) for part in (writes.attention, writes.mlp)
    )
    return attention / (attention + mlp)


def correlation_lead(writes: Writes) -> Float[np.ndarray, "*draw"]:
    """Mean correlation between words of the attention-only profile minus that of the MLP-only profile."""
    profiles = [np.cumsum(part, axis=-1) for part in (writes.attention, writes.mlp)]
    attention, mlp = (mean_correlation(profile) for profile in profiles)
    return attention - mlp
