"""What AIC and BIC must be, given R², the number of points and of parameters (000, exp3F).

AIC = n ln(RSS/n) + 2k and RSS = (1 − R²) TSS: the unknown TSS is the same for all families fitted to one curve, so it
drops out of differences.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from semphase.science.audit.rounding import Interval

Parameters = Float[np.ndarray, "*family"]


def aic_differences(r2: Interval, n: int, k: Parameters, first: int = 0) -> Interval:
    """AIC [family] less that of the family `first`: n ln((1 − R²)/(1 − R²_first)) + 2(k − k_first)."""
    logs = (1 - r2).map(np.log)
    return (logs - logs[first]) * float(n) + 2 * (k - k[first])


def bic_less_aic(n: int, k: Parameters) -> Float[np.ndarray, "*family"]:
    """BIC − AIC = k (ln n − 2), whatever the fit."""
    return k * (math.log(n) - 2)


def rss_from_aic(aic: Interval, n: int, k: Parameters) -> Interval:
    """The residual sum of squares [family] behind an AIC: n exp((AIC − 2k)/n)."""
    return ((aic - 2 * k) / float(n)).map(np.exp) * float(n)
