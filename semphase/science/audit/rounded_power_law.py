"""The least-squares power law PPL = A n^α through printed perplexities, with what rounding leaves open."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from semphase.errors import SemphaseError
from semphase.science.audit.rounding import Interval, explained, from_mean, weigh


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
