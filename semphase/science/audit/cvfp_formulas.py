"""What document 003 says by formula of its nine configurations: exponents, factors."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from semphase.science.audit.rounding import Interval, explained, from_mean

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
