"""By how much an estimate changed from one run to another, paired where both runs saw the same units."""

from __future__ import annotations

import math

import numpy as np
import scipy

from semphase.errors import SemphaseError
from semphase.stats.estimate import ROUNDING, Estimate
from semphase.stats.level import LEVEL, TAIL
from semphase.stats.sampling import Deviations, error_of

_ROUNDING = 64 * float(np.finfo(np.float64).eps)
"""Relative to the values: deviations that differ by less are alike."""


def paired_change(before: Estimate, after: Estimate, first: Deviations, second: Deviations) -> Estimate:
    """after − before with Student's interval over the units that both saw; `first`, `second` are their deviations.

    SemphaseError for deviations of other shapes than each other, and where no unit differs from its mean, which leaves no
    width: then the two intervals say more.
    """
    if not first or [len(own) for own in first] != [len(own) for own in second]:
        raise SemphaseError("a paired change needs the deviations of the same units from both runs")
    error, freedom = error_of([late - early for early, late in zip(first, second, strict=True)])
    if not error > _ROUNDING * max(abs(before.value), abs(after.value)):
        raise SemphaseError("a paired change needs units that did not all change alike")
    reach = error * float(scipy.stats.t.isf(TAIL, freedom))
    method = f"paired over the same units, t with {freedom:.3g} degrees of freedom"
    return _change(before, after, (reach, reach), method)


def independent_change(before: Estimate, after: Estimate) -> Estimate:
    """after − before from the two intervals, as if the runs had nothing in common.

    The distances of the ends from the values add in quadrature (variance estimates recovered from each end, Zou and
    Donner 2008), which keeps lopsided intervals lopsided; ends of rounding, which are certain, add as they are. Where both
    runs share units that move together, the interval is wider than a paired one would be. Of two censuses it is exact.
    """
    below = before.high - before.value, after.value - after.low
    above = before.value - before.low, after.high - after.value
    if before.exact and after.exact:
        method = "exact"
    elif before.population == ROUNDING and after.population == ROUNDING:
        return _change(before, after, (sum(below), sum(above)), "from both roundings")
    else:
        method = "from both intervals, as independent"
    return _change(before, after, (math.hypot(*below), math.hypot(*above)), method)


def _change(before: Estimate, after: Estimate, reach: tuple[float, float], method: str) -> Estimate:
    value = after.value - before.value
    exact = before.exact and after.exact
    # A census beside a sample is as uncertain as the sample.
    sampled = after if before.exact else before
    return Estimate(
        value, value - reach[0], value + reach[1], method, min(before.n, after.n), after.unit,
        level=LEVEL if before.level == after.level == LEVEL else min(before.level, after.level),
        population=sampled.population, units=() if exact else sampled.units,
    )  # fmt: skip
