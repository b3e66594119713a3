"""Can several published fits belong to one curve? Two curves near a third are near each other."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product

import numpy as np
from jaxtyping import Float

from semphase.science.audit.rounding import Interval
from semphase.stats.families import Family

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
