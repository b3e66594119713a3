"""From a value and its draws to an estimate, for the claims on the lexicon, text and trainings; and intervals of shares.

The percentile interval of the draws, extended to the value where the draws lie to one side of it; it is not calibrated.
Shares take Wilson's interval, Clopper and Pearson's at 0 and 1. All other estimates have the rule of
`semphase.stats.pivot`.
"""

from __future__ import annotations

import math

import numpy as np
import scipy
from jaxtyping import Float, Int, Real

from semphase.errors import SemphaseError, Undefined
from semphase.stats.estimate import Estimate

KIND = "percentile"
LEVEL = 0.95
TAIL = 2.5
EXPANSION = "expanded by Student's t (Hesterberg 2015)"
MOST_UNDEFINED = 0.05
_SAME = 1e-12


def ends(draws: Real[np.ndarray, "*any draw"], tail: float = TAIL) -> Float[np.ndarray, 2 * any]:
    """The lower and the upper end of the interval of draws, for tables and bands of figures; `tail` in per cent."""
    return np.percentile(draws, [tail, 100 - tail], axis=-1)


def with_interval(
    value: float, draws: Real[np.ndarray, " draw"], *, n: int, what: str, unit: str = "", note: str = ""
) -> Estimate:
    """A value with the interval of its draws; the method says what was done to them, after `note`."""
    finite = draws[np.isfinite(draws)]
    if not np.isfinite(value) or len(finite) < (1 - MOST_UNDEFINED) * len(draws):
        raise Undefined(
            f"no interval could be made by {what}: the value is {value:.4g} and {len(draws) - len(finite)} of "
            f"{len(draws)} draws are undefined; there is too little to resample."
        )
    low, high, extended = _around(value, finite)
    notes = [", ".join(filter(None, (f"{KIND} {what}, {len(draws)} draws", note)))]
    if len(finite) < len(draws):
        notes.append(f"{len(draws) - len(finite)} undefined draws left out")
    notes += ["extended to the value"] if extended else []
    return Estimate(value, low, high, "; ".join(notes), n, unit)


def of_resamples(
    value: float, replicates: Float[np.ndarray, " draw"], *, n: int, name: str, over: str, unit: str, level: float
) -> Estimate:
    """A value with the interval of its replicates by resampling `over` units; `name` is what is estimated."""
    finite, lost = _finite(replicates, name)
    # Rounding must not make a constant statistic look as if it varied.
    steady = np.where(np.isclose(finite, value, rtol=_SAME, atol=0.0), value, finite)
    low, high, extended = _around(value, steady, 100 * (1 - level) / 2)
    text = f"{KIND} bootstrap of {over}, {replicates.size} resamples{lost}"
    return Estimate(value, low, high, f"{text}, extended to the value" if extended else text, n, unit, level)


def _around(value: float, draws: Real[np.ndarray, " draw"], tail: float = TAIL) -> tuple[float, float, bool]:
    """Both ends of the interval of this KIND, and whether one had to be moved to hold the value."""
    return _holding(value, *ends(draws, tail))


def _holding(value: float, low: float, high: float) -> tuple[float, float, bool]:
    return min(float(low), value), max(float(high), value), not low <= value <= high


def _finite(replicates: Float[np.ndarray, " draw"], name: str) -> tuple[Float[np.ndarray, " kept"], str]:
    kept = replicates[np.isfinite(replicates)]
    lost = replicates.size - kept.size
    if lost > MOST_UNDEFINED * replicates.size:
        raise SemphaseError(
            f"the interval of {name} could not be made: {lost} of {replicates.size} resamples gave no finite "
            "number; take more data or a statistic that every resample allows"
        )
    return kept, f", {lost} without a finite value left out" if lost else ""


def times_drawn(index: Int[np.ndarray, "draw taken"], units: int) -> Float[np.ndarray, "draw unit"]:
    """How often each draw takes each unit: one matrix product then serves any number of conditions."""
    flat = (index + units * np.arange(len(index))[:, None]).ravel()
    return np.bincount(flat, minlength=len(index) * units).reshape(len(index), units).astype(np.float64)


def jackknifed(
    value: float, error: float, freedom: int, within: tuple[float, float] = (-math.inf, math.inf)
) -> tuple[float, float]:
    """Both ends by Student's t around a value with a jackknife's standard error, cut to the quantity's range."""
    half = error * float(scipy.stats.t.ppf(0.5 + LEVEL / 2, freedom))
    low, high, _ = _holding(value, max(within[0], value - half), min(within[1], value + half))
    return low, high


def of_largest(
    values: Float[np.ndarray, " item"], draws: Float[np.ndarray, "item draw"], *, n: int, what: str
) -> Estimate:
    """The largest of several numbers with an interval that allows for having been chosen.

    The largest draw is biased upwards, so both ends come from bounds that hold for all numbers at once: the 97.5 %
    quantiles of the largest error upwards and downwards.
    """
    errors = draws - values[:, None]
    if not np.isfinite(errors).all():
        raise Undefined(f"the largest of {len(values)} numbers by {what} is not defined: some are not finite.")
    value = float(values.max())
    over, under = (float(np.quantile(side.max(axis=0), 0.5 + LEVEL / 2)) for side in (errors, -errors))
    method = f"{what}, {draws.shape[1]} draws, simultaneous over {len(values)} numbers"
    return Estimate(value, min(value, value - over), max(value, value + under), method, n)


def expansion(units: int) -> float:
    """√(m/(m − 1)) · t(0.975, m − 1) / z(0.975) for m units.

    Hesterberg (2015), "What Teachers Should Know About the Bootstrap", The American Statistician 69, 371, expands the
    percentiles of a mean by this factor; here the draws themselves are.
    """
    ratio = scipy.stats.t.ppf(0.5 + LEVEL / 2, units - 1) / scipy.stats.norm.ppf(0.5 + LEVEL / 2)
    return math.sqrt(units / (units - 1)) * float(ratio)


def expanded(
    point: Float[np.ndarray, "*any"] | float, draws: Float[np.ndarray, "*any draw"], units: int
) -> Float[np.ndarray, "*any draw"]:
    """Draws of means moved away from their point by `expansion(units)`.

    Do this on the scale of the mean (nats, log perplexity), before any ratio or maximum is taken.
    """
    centre = np.asarray(point, dtype=np.float64)[..., None]
    return np.asarray(centre + expansion(units) * (draws - centre))


def wilson(successes: float, n: float, level: float = LEVEL) -> tuple[float, float]:
    """Both ends of Wilson's interval (1927) of a share of independent trials."""
    return _share(successes, n, level, "wilson")


def exact_share(successes: float, n: float, level: float = LEVEL) -> tuple[float, float]:
    """Both ends of the interval of Clopper and Pearson (1934)."""
    return _share(successes, n, level, "beta")


def _share(successes: float, n: float, level: float, method: str) -> tuple[float, float]:
    from statsmodels.stats.proportion import proportion_confint

    low, high, _ = _holding(successes / n, *proportion_confint(successes, n, alpha=1 - level, method=method))
    return low, high
