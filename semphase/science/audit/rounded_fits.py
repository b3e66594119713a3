"""What printed fits say of the data behind them, with the bounds that their rounding leaves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import scipy
from jaxtyping import Float

from semphase.errors import SemphaseError
from semphase.science.audit.rounding import Interval, explained, from_mean, weigh
from semphase.stats.families import Family, erf
from semphase.stats.likelihood import INVERSE_ROOT_PI

# What AIC and BIC must be, given R², the number of points and of parameters (000, exp3F)

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


# Can several published fits belong to one curve? Two curves near a third are near each other

Depths = Float[np.ndarray, " layer"]


def rounded_curve(family: Family, x: Depths, parameters: Sequence[Interval]) -> Interval:
    """The curve [layer] of rounded parameters, for formulas that rise or fall in each parameter throughout."""
    corners = product(*((float(own.low), float(own.high)) for own in parameters))
    curves = np.stack([family.formula(x, *corner) for corner in corners])
    middle = family.formula(x, *(float(own.value) for own in parameters))
    return Interval(np.asarray(middle), curves.min(axis=0), curves.max(axis=0))


def excess_distance(curves: Sequence[Interval], rss: Interval) -> tuple[Interval, tuple[int, int]]:
    """Largest |f_i − f_j| / (√RSS_i + √RSS_j) over pairs of fits, and the pair: above 1 no curve has both.

    By the triangle inequality, for curves [layer] fitted to the same points with residual sums `rss` [family].
    """
    roots = rss.map(np.sqrt)
    pairs = list(combinations(range(len(curves)), 2))
    found = [(curves[i] - curves[j]).squares().sum().map(np.sqrt) / (roots[i] + roots[j]) for i, j in pairs]
    at = int(np.argmax([own.value for own in found]))
    stacked = [np.array([getattr(own, name) for own in found]) for name in ("value", "low", "high")]
    return Interval(*stacked).highest(), pairs[at]


# The least-squares power law PPL = A n^α through printed perplexities, with what rounding leaves open


@dataclass(frozen=True, slots=True)
class RoundedPowerLaw:
    """Exponent α, factor A (perplexity at one token) and R² of log PPL.

    `last_step` is the exponent between the two largest sizes alone.
    """

    alpha: Interval
    a: Interval
    r2: Interval
    last_step: Interval


def fit_rounded(n: Float[np.ndarray, " size"], ppl: Interval) -> RoundedPowerLaw:
    """Least squares of log PPL on log n, for exact sizes n in rising order and rounded perplexities [size].

    The fit is linear in log PPL, so α and A have exact bounds; those of R² are sums of bounds and a little wide.
    """
    if len(n) < 3 or not (np.diff(n) > 0).all():
        raise SemphaseError(f"a power law needs at least three sizes in rising order, got {n.tolist()}.")
    x, y = np.log(n), ppl.map(np.log)
    centred = x - x.mean()
    slope = centred / (centred @ centred)
    level = 1 / len(n) - x.mean() * slope
    hat = np.outer(x, slope) + level
    return RoundedPowerLaw(
        alpha=weigh(slope, y),
        a=weigh(level, y).map(np.exp),
        r2=explained(weigh(np.eye(len(n)) - hat, y), from_mean(y)),
        last_step=(y[-1] - y[-2]) / float(x[-1] - x[-2]),
    )


# The test of σ = 1/√π, rebuilt from the published width and residuals of the free fit (001 exp8 A)

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
