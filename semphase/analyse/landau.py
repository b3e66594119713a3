"""Statistics of the Landau hypothesis: the fits of f(x), the collapse of σ/h, the spread of exponents."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from semphase.analyse.families import LANDAU
from semphase.analyse.fit import Fit, compare
from semphase.errors import SemphaseError


def fit_landau(x: Float[np.ndarray, " layer"], f: Float[np.ndarray, " layer"]) -> dict[str, Fit]:
    """Fit all families of `LANDAU` to one word's response f(x); leave the last layer out (001 exp2)."""
    return compare(LANDAU, x, f)


def collapse_variance(sigma_over_h: Float[np.ndarray, "curve layer"]) -> float:
    """Average over layers the variance over curves of σ/h (001 exp2), which divides by their number."""
    curves = np.asarray(sigma_over_h, dtype=float)
    if curves.ndim != 2 or len(curves) < 2:
        raise SemphaseError(
            f"a collapse needs at least two curves [curve, layer], got shape {curves.shape}; "
            "add conditions with h ≠ 0"
        )
    return float(np.mean(np.var(curves, axis=0)))


def coefficient_of_variation(values: Float[np.ndarray, " unit"]) -> float:
    """Sample standard deviation (n − 1) over the absolute mean; infinite where the mean is 0."""
    values = np.asarray(values, dtype=float)
    if values.size < 2:
        raise SemphaseError(f"a coefficient of variation needs at least two values, got {values.size}")
    mean = abs(float(np.mean(values)))
    return float(np.std(values, ddof=1)) / mean if mean > 0 else float("inf")
