"""The median of units, between order statistics: it holds whatever their distribution."""

from __future__ import annotations

import math

import numpy as np
import scipy
from jaxtyping import Float

from semphase.stats.estimate import Estimate
from semphase.stats.least import lacking
from semphase.stats.level import TAIL
from semphase.stats.sampling import Sampling
from semphase.stats.units import Numbers, numbers

REAL_LINE = (-math.inf, math.inf)


def median(
    values: Numbers, *, over: str = "samples", unit: str = "", within: tuple[float, float] = REAL_LINE
) -> Estimate:
    """The median of values [unit] with the interval that the sign test does not reject.

    Of n units fewer than k lie below their population's median with the probability of fewer than k heads in n tosses, so
    that the k-th lowest is an exact lower bound, if a conservative one; six units are the fewest that have both ends at
    95 %. Where ties put a bound on the median, the next value that differs takes its place. `within` is the range of what
    is measured.
    """
    array = np.sort(numbers(values, "median"))
    n, value = array.size, float(np.median(array))
    method = f"median of {n} {over}, order statistics (binomial)"
    lacks = lacking("median", n, float(n), over)
    if np.ptp(array) == 0:
        lacks = f"{over} that are not all alike"
    lower, upper = array[array < value], array[array > value]

    def bounds(tail: float) -> tuple[float, float]:
        k = _outside(n, tail)
        low = float(lower[min(k, lower.size) - 1]) if k and lower.size else -math.inf
        high = float(upper[-min(k, upper.size)]) if k and upper.size else math.inf
        return low, high

    low, high = (float(np.clip(end, *within)) for end in bounds(TAIL))
    return Estimate(
        value, min(low, value), max(high, value), method, n, unit,
        population=(over,), units=(n,), lacks=lacks, sampling=Sampling.of_bounds(bounds),
    )  # fmt: skip


def smallest_median(
    values: Float[np.ndarray, "row unit"],
    *,
    over: str = "samples",
    unit: str = "",
    within: tuple[float, float] = REAL_LINE,
    resolution: float = 0.0005,
) -> Estimate:
    """The smallest of the medians of rows, for rules that every one of them must meet from above.

    Each row has order statistics of its own: the smallest lower one at 97.5 %, the smallest upper one at 1 − 2.5 %/rows.
    Units may be alike, as many that have no variance at all are; no end is nearer to the value than the `resolution` to
    which it is told.
    """
    rows = np.sort(np.asarray(values, dtype=float), axis=-1)
    k, n = rows.shape
    medians = np.median(rows, axis=-1)
    value = float(medians.min())

    def bounds(tail: float) -> tuple[float, float]:
        below, above = _outside(n, tail), _outside(n, tail / k)
        low = float(rows[:, below - 1].min()) if below else -math.inf
        high = float(rows[:, n - above].min()) if above else math.inf
        return min(low, value - resolution), max(high, value + resolution)

    low, high = (float(np.clip(end, *within)) for end in bounds(TAIL))
    return Estimate(
        value, low, high, f"smallest of {k} medians of {n} {over}, order statistics (binomial) of each", n, unit,
        population=(over,), units=(n,), lacks=lacking("median", n, float(n), over), sampling=Sampling.of_bounds(bounds),
    )  # fmt: skip


def _outside(n: int, tail: float) -> int:
    """How many of the lowest of n units a bound may use: the most k whose k − 1 or fewer heads are no likelier."""
    chances = scipy.stats.binom.cdf(np.arange(n // 2 + 1), n, 0.5)
    return int(np.searchsorted(chances, tail, side="right"))
