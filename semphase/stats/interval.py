"""The one interval rule: from a value and its draws to an estimate. Another kind of interval changes this file alone.

For claims on the lexicon, text and trainings: the percentile interval of the draws, extended to the value where the
draws lie to one side of it. For the estimates of `semphase.stats.estimates`: means by the studentised bootstrap, never
narrower than Student's t, other statistics by BCa at Student's level, neither ever extended; these are provisional
until their coverage is calibrated. Shares take Wilson's interval, Clopper and Pearson's at 0 and 1.
"""

from __future__ import annotations

import math

import numpy as np
import scipy
from jaxtyping import Float, Int, Real

from semphase.errors import SemphaseError, Undefined
from semphase.stats.estimate import Estimate

Draws = Float[np.ndarray, " draw"]

KIND = "percentile"
LEVEL = 0.95
TAIL = 2.5
DRAWS = 4999
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
    """Both ends of the interval of Clopper and Pearson (1934), for a share of 0 or 1."""
    return _share(successes, n, level, "beta")


def _share(successes: float, n: float, level: float, method: str) -> tuple[float, float]:
    from statsmodels.stats.proportion import proportion_confint

    low, high, _ = _holding(successes / n, *proportion_confint(successes, n, alpha=1 - level, method=method))
    return low, high


def studentised(
    sums: Float[np.ndarray, "row unit"], counts: Float[np.ndarray, " unit"], seed: int, tails: tuple[float, float]
) -> Float[np.ndarray, "2 row"]:
    """Both ends of the studentised bootstrap (Efron and Tibshirani 1993, chapter 12) of means, Σ sums / Σ counts.

    Units are clusters with the sum of their values and their number; the standard error is that of a ratio (Cochran
    1977, section 6.4). `tails` are the shares left out below and above. Where draws without spread reach the tail, as
    with four units, Student's t stands alone; no end is nearer to the mean than Student's.
    """
    mean, units = sums.sum(axis=1) / counts.sum(), len(counts)
    residual = sums - mean[:, None] * counts
    error = np.sqrt(units / (units - 1) * (residual**2).sum(axis=1)) / counts.sum()
    t = _studentised_draws(residual, counts, np.random.default_rng(seed))
    below, above = (_reach(side, tail, units - 1) for side, tail in zip((t, -t), tails, strict=True))
    return np.stack([mean - below * error, mean + above * error])


def _studentised_draws(
    residual: Float[np.ndarray, "row unit"], counts: Float[np.ndarray, " unit"], rng: np.random.Generator
) -> Float[np.ndarray, "draw row"]:
    units, size = len(counts), max(1, 2**22 // len(counts))
    batches = [min(size, DRAWS - start) for start in range(0, DRAWS, size)]
    drawn = (times_drawn(rng.integers(0, units, size=(batch, units)), units) for batch in batches)
    return np.concatenate([_studentised_means(times, residual, counts) for times in drawn])


def _studentised_means(
    times: Float[np.ndarray, "draw unit"], residual: Float[np.ndarray, "row unit"], counts: Float[np.ndarray, " unit"]
) -> Float[np.ndarray, "draw row"]:
    """The drawn means over their standard errors; infinite where all drawn units are alike and off the mean."""
    units, whole = len(counts), (times @ counts)[:, None]
    shift, own = times @ residual.T / whole, times @ residual.T**2
    squares = own - 2 * shift * (times @ (residual * counts).T) + shift**2 * (times @ counts**2)[:, None]
    error = np.sqrt(units / (units - 1) * np.where(squares > _SAME * own, squares, 0)) / whole
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(shift == 0, 0.0, shift / error)


def _reach(t: Float[np.ndarray, "draw row"], tail: float, freedom: int) -> Float[np.ndarray, " row"]:
    student, found = float(scipy.stats.t.ppf(1 - tail, freedom)), np.quantile(t, 1 - tail, 0, method="inverted_cdf")
    return np.where(np.isfinite(found), np.maximum(found, student), student)


def corrected(value: float, draws: Draws, left: Float[np.ndarray, " unit"], name: str) -> tuple[float, float]:
    """Both ends of the BCa interval (Efron 1987) at Student's level for that many units (Hesterberg 2015).

    `left` is the statistic without each unit. Up to 5 % of draws that are not finite are left out.
    """
    finite, _ = _finite(draws, name)
    if np.allclose(finite, value, rtol=0, atol=_SAME * max(1.0, abs(value))):  # such as a perfect correlation
        return value, value
    norm, reach = scipy.stats.norm, expansion(len(left)) * float(scipy.stats.norm.ppf(0.5 + LEVEL / 2))
    bias = norm.ppf(np.mean(finite < value) + 0.5 * np.mean(finite == value))
    away = left.mean() - left
    skewness = (away**3).sum() / (6 * max((away**2).sum(), np.finfo(float).tiny) ** 1.5)
    shifted = bias + np.array([-reach, reach])
    low, high = np.quantile(finite, norm.cdf(bias + shifted / np.maximum(1 - skewness * shifted, _SAME)))
    if not np.isfinite(left).all() or (np.ptp(finite) > 0 and not low < value < high):
        raise Undefined(
            f"the bootstrap of {name} lies to one side of its value {value:.4g}: an extreme, or too few units; use"
            " worst, largest or best_of for extremes, or take more units."
        )
    return float(low), float(high)
