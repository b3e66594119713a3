"""With which power of the length a time grows: the slope of log seconds on log n."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from semphase.errors import SemphaseError
from semphase.stats.estimate import Estimate
from semphase.stats.interval import with_interval


def log_slope(
    n: Int[np.ndarray, " length"], seconds: Float[np.ndarray, "*draw length repeat"]
) -> Float[np.ndarray, "*draw"]:
    """Least-squares slope of the log of the median over repeats on log n: 1 where times grow as n, 2 as n².

    The median, because a busy machine makes single times long, and because unlike the minimum it can be resampled.
    """
    _check(n, seconds)
    x = np.log(n) - np.log(n).mean()
    return np.log(np.median(seconds, axis=-1)) @ x / (x @ x)


def slope_estimate(
    n: Int[np.ndarray, " length"],
    seconds: Float[np.ndarray, "length repeat"],
    draws: int,
    rng: np.random.Generator,
) -> Estimate:
    """`log_slope` with the percentile interval of `draws` in which the repeats of each length are resampled.

    Dimensionless; its n counts the timings. The interval speaks of other repeats on this machine at these lengths.
    """
    value = float(log_slope(n, seconds))
    repeats = seconds.shape[1]
    if repeats < 2:
        raise SemphaseError("the interval of a slope of times needs at least two repeats of each length; give more.")
    index = rng.integers(repeats, size=(draws, *seconds.shape))
    drawn = log_slope(n, np.take_along_axis(seconds[None], index, axis=-1))
    what = "bootstrap over the repeats at each length, slope of log median seconds on log n"
    return with_interval(value, drawn, n=seconds.size, what=what)


def _check(n: np.ndarray, seconds: np.ndarray) -> None:
    if len(np.unique(n)) < 2:
        raise SemphaseError(f"a slope needs at least two lengths, got {n.tolist()}; measure more.")
    if not (np.isfinite(seconds) & (seconds > 0)).all() or not (n > 0).all():
        raise SemphaseError("a slope of logs needs positive lengths and times; measure them again.")
