"""Formulas that 003 prints for its exponents and factors, and the parameters that its architecture has."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from jaxtyping import Float

from semphase.science.audit.rounding import Interval, explained, from_mean

# What document 003 says by formula of its nine configurations: exponents, factors

Counts = Float[np.ndarray, " configuration"]


def exponent(layers: Counts, tokens: Counts) -> Float[np.ndarray, " configuration"]:
    """α ≈ -0.51 + 0.02 (layers − 2)² − 0.01 (tokens − 2)² (003, approximation of α)."""
    return -0.51 + 0.02 * (layers - 2) ** 2 - 0.01 * (tokens - 2) ** 2


def factor(layers: Counts) -> Float[np.ndarray, " configuration"]:
    """A ≈ 1.7×10⁵ (1 + 0.15 |layers − 2|) (003, approximation of A)."""
    return 1.7e5 * (1 + 0.15 * np.abs(layers - 2))


def variance_explained(published: Interval, formula: Float[np.ndarray, " configuration"]) -> Interval:
    """1 − Σ (published − formula)² / Σ (published − mean)², below 0 where the mean alone describes them better."""
    return explained(published - formula, from_mean(published))


# How many parameters the context-vector fixed-point model trains, counted from its architecture


def context_parameters(layers: int, tokens: int, embedding: int, context: int) -> int:
    """Parameters of phase 1: `layers` context layers, `tokens` embeddings fed to each."""
    return layers * (_linear(context + tokens * embedding, context) + 2 * context)


def token_parameters(layers: int, tokens: int, embedding: int, context: int) -> int:
    """Parameters of phase 2: `layers` token layers that read the context block's outputs."""
    drop = (tokens - 1) * embedding
    widths = [tokens * embedding - round(drop * layer / layers) for layer in range(layers + 1)]
    return sum(
        _linear(context + wide, narrow) + 2 * narrow + (_linear(wide, narrow) if wide != narrow else 0)
        for wide, narrow in pairwise(widths)
    )


def _linear(inputs: int, outputs: int) -> int:
    return inputs * outputs + outputs
