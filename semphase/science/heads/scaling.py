"""With which power of the length a time grows: the slope of log seconds on log n."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from semphase.errors import SemphaseError
from semphase.stats.estimate import Estimate
from semphase.stats.left_out import Factor, smooth

Slopes = Callable[[Int[np.ndarray, " length"], Float[np.ndarray, "length repeat"]], Float[np.ndarray, " repeat"]]


def log_slopes(
    n: Int[np.ndarray, " length"], seconds: Float[np.ndarray, "length repeat"]
) -> Float[np.ndarray, " repeat"]:
    """Least-squares slope of log seconds on log n of each repeat: 1 where times grow as n, 2 as n²."""
    if len(np.unique(n)) < 2:
        raise SemphaseError(f"a slope needs at least two lengths, got {n.tolist()}; measure more.")
    if not (np.isfinite(seconds) & (seconds > 0)).all() or not (n > 0).all():
        raise SemphaseError("a slope of logs needs positive lengths and times; measure them again.")
    x = np.log(n) - np.log(n).mean()
    return np.asarray(x @ np.log(seconds) / (x @ x))


def median_log_slopes(
    n: Int[np.ndarray, " length"], seconds: Float[np.ndarray, "length repeat"]
) -> Float[np.ndarray, " repeat"]:
    """The median of the slopes of log seconds on log n between any two lengths (Theil, Sen 1968), of each repeat."""
    one, other = np.triu_indices(len(n), 1)
    rise, run = np.log(seconds)[other] - np.log(seconds)[one], np.log(n)[other] - np.log(n)[one]
    return np.asarray(np.median(rise / run[:, None], axis=0))


def slope_estimate(
    n: Int[np.ndarray, " length"], seconds: Float[np.ndarray, "length repeat"], of: Slopes = log_slopes
) -> Estimate:
    """The mean slope over the repeats, each of which goes through all lengths.

    A busy moment then spoils one repeat's slope, and widens the interval. It speaks of other repeats on this machine at
    these lengths.
    """
    slopes = of(n, seconds)
    if len(slopes) < 2:
        raise SemphaseError("the interval of a slope of times needs at least two repeats of each length; give more.")
    without = (slopes.sum() - slopes) / (len(slopes) - 1)
    factor = Factor("repeats", without, least="mean")
    return smooth(float(slopes.mean()), factor, what="mean slope of log seconds on log n")
