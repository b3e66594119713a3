"""The test of σ = 1/√π, rebuilt from the published width and residuals of the free fit (001 exp8 A)."""

from __future__ import annotations

import math

import numpy as np
import scipy
from jaxtyping import Float

from semphase.science.audit.rounding import Interval
from semphase.stats.families import erf
from semphase.stats.likelihood import INVERSE_ROOT_PI

Depths = Float[np.ndarray, " layer"]
_GRID = 9
_Z = float(scipy.stats.norm.ppf(0.975))


def likelihood_ratio_bounds(x: Depths, width: Interval, rss: Interval, fixed: float = INVERSE_ROOT_PI) -> Interval:
    """χ² = n ln(RSS_fixed/RSS_free) between the least and the most that the unknown curve allows.

    With Δ the difference of the fixed and the free curve, RSS_fixed = RSS_free + |Δ|² − 2⟨r, Δ⟩. The residual r of a
    least-squares fit is orthogonal to the slope of the curve in σ, so only the part of Δ off that slope counts, and
    |⟨r, Δ⟩| ≤ √RSS_free |Δ⊥|. The `value` leaves ⟨r, Δ⟩ out.
    """
    at = [_ratio(x, float(w), fixed) for w in np.linspace(width.low, width.high, _GRID)]
    middle, _ = _ratio(x, float(width.value), fixed)
    ends = [
        _chi2(x.size, total + side * 2 * math.sqrt(own) * across, own)
        for total, across in at
        for own in (float(rss.low), float(rss.high))
        for side in (-1, 1)
    ]
    return Interval(np.array(_chi2(x.size, middle, float(rss.value))), np.array(min(ends)), np.array(max(ends)))


def tail(chi2: Interval) -> Interval:
    """p of a χ² with one degree of freedom; it falls as χ² rises."""
    return (-chi2).map(lambda negative: scipy.stats.chi2.sf(-negative, 1))


def relative_halfwidth(width: Interval, p: Interval, fixed: float = INVERSE_ROOT_PI) -> Interval:
    """Half of the 95 % interval of σ over `fixed`, read off the p of σ = `fixed`: |σ − fixed| z_0.975 / z_p."""
    z = (-p).map(lambda negative: scipy.stats.norm.isf(-negative / 2))
    return (width - fixed).magnitude() * _Z / z / fixed


def _ratio(x: Depths, width: float, fixed: float) -> tuple[float, float]:
    """|Δ|² and |Δ⊥| of the curves of two widths."""
    delta = erf(x, fixed) - erf(x, width)
    slope = x * np.exp(-((x / width) ** 2) / 2)  # ∂erf/∂σ up to a factor that does not depend on x
    across = delta - slope * (slope @ delta) / (slope @ slope)
    return float(delta @ delta), float(np.linalg.norm(across))


def _chi2(n: int, more: float, rss: float) -> float:
    return max(0.0, n * math.log1p(max(more, 0.0) / rss))
