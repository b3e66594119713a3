"""Do groups of units differ? The share of variance between them, on normal scores, with an exact test's interval.

Ranks become normal scores (van der Waerden 1952), so that one unit far out counts for no more than any extreme one; of
these the F of a one-way analysis of variance is noncentral F in distribution, up to what is small, whatever the units'
own. A percentile bootstrap within groups would take the scatter inside of them for differences between them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy
from jaxtyping import Float

from semphase.errors import SemphaseError
from semphase.stats.estimate import Estimate
from semphase.stats.least import lacking
from semphase.stats.level import TAIL
from semphase.stats.sampling import LEAST_P, Sampling
from semphase.stats.units import Labels, Numbers, numbers

_SMALLEST_TAIL = 1e-12
"""Below it the distribution function is rounding."""


def epsilon_squared(values: Numbers, groups: Labels, *, over: str = "heads") -> tuple[Estimate, float]:
    """ε² of values [unit] between labelled groups, and the p of Kruskal and Wallis that groups do not differ.

    ε² is λ/(λ + n − 1), with λ the noncentrality of F on normal scores; its estimate (k − 1)(F − 1) makes it Kelley's
    (1935), which is 0 on average where k groups do not differ, and is shown as 0 where it falls below. The interval holds
    each λ that F does not reject; its upper end is never under that of F = 1, for groups that differ less than chance lets
    them say nothing more.
    """
    array, own = _grouped(values, groups, over)
    what = f"ε² of normal scores of {array.size} {over} in {int(own.max()) + 1} groups"
    estimate, _ = _between(normal_scores(array), own, what, over)
    if estimate.sampling is None:
        return estimate, 1.0
    p = float(scipy.stats.kruskal(*(array[own == group] for group in range(int(own.max()) + 1))).pvalue)
    return estimate, max(LEAST_P, p)


def analysis_of_variance(values: Numbers, groups: Labels, *, over: str = "heads") -> tuple[Estimate, float]:
    """ε² of the values themselves, which it takes for normal, and the p of their F."""
    array, own = _grouped(values, groups, over)
    return _between(array, own, f"ε² of {array.size} {over} in {int(own.max()) + 1} groups", over)


def trend(values: Numbers, groups: Labels, *, over: str = "heads") -> tuple[Estimate, float]:
    """ε² of the least-squares line of the normal scores on the groups' order, and the p of its F, both of one degree."""
    array, own = _grouped(values, groups, over)
    scores, at = normal_scores(array), own - own.mean()
    along = float((at @ scores) ** 2 / (at @ at))
    about = float(((scores - scores.mean()) ** 2).sum()) - along
    return _share(along, about, 1, array.size, over, f"ε² of the trend of normal scores of {array.size} {over}")


def _grouped(values: Numbers, groups: Labels, over: str) -> tuple[Float[np.ndarray, " unit"], Any]:
    array, labels = numbers(values, "epsilon_squared"), np.asarray(groups)
    if labels.shape != array.shape:
        raise SemphaseError(f"epsilon_squared needs one label for each of {array.size} values, got {labels.size}.")
    _, own = np.unique(labels, return_inverse=True)
    n, k = array.size, int(own.max()) + 1
    if not 2 <= k < n:
        raise SemphaseError(f"epsilon_squared compares groups, and {n} {over} in {k} leave nothing to compare.")
    return array, own


def _between(scores: Float[np.ndarray, " unit"], own: Any, what: str, over: str) -> tuple[Estimate, float]:
    return _share(*_squares(scores, own), int(own.max()), scores.size, over, what)


def _share(between: float, inside: float, degrees: int, n: int, over: str, what: str) -> tuple[Estimate, float]:
    """ε² of so many degrees of freedom with the interval of noncentral F, and the p of F; 1 where nothing is inside."""
    method, below = f"{what}, noncentral F", n - 1 - degrees
    if inside <= 0:
        unknown = Estimate(
            float(between > 0), 0.0, 1.0, method, n, population=(over,), units=(n,),
            lacks=f"{over} that differ inside of a group",
        )  # fmt: skip
        return unknown, 1.0
    f = (between / degrees) / (inside / below)

    def bounds(tail: float) -> tuple[float, float]:
        low, high = _least(f, degrees, below, tail), _most(max(f, 1.0), degrees, below, tail)
        return low if low < 0 else low / (low + n - 1), high / (high + n - 1)

    value = max(0.0, degrees * (f - 1) / (degrees * (f - 1) + n - 1))
    low, high = bounds(TAIL)
    estimate = Estimate(
        value, max(0.0, low), high, method, n, population=(over,), units=(n,),
        lacks=lacking("ε²", n, float(n), over), sampling=Sampling.of_bounds(bounds),
    )  # fmt: skip
    return estimate, max(LEAST_P, float(scipy.special.fdtrc(degrees, below, f)))


def normal_scores(values: Float[np.ndarray, " unit"]) -> Float[np.ndarray, " unit"]:
    """Of each unit the quantile of a normal distribution at its rank over n + 1; ties share their mean rank."""
    scores: Float[np.ndarray, " unit"] = scipy.special.ndtri(scipy.stats.rankdata(values) / (values.size + 1))
    return scores


def _squares(scores: Float[np.ndarray, " unit"], own: Any) -> tuple[float, float]:
    """Sums of squares between groups and inside of them."""
    counts = np.bincount(own)
    means = np.bincount(own, scores) / counts
    between = float((counts * (means - scores.mean()) ** 2).sum())
    inside = float(((scores - means[own]) ** 2).sum())
    return between, inside if inside > 1e-12 * (between + inside) else 0.0


def _least(f: float, above: int, below: int, tail: float) -> float:
    """The least noncentrality that leaves as much as F a chance of more than `tail`; −inf where none at all does."""
    if tail < _SMALLEST_TAIL or scipy.special.fdtrc(above, below, f) >= tail:
        return -math.inf
    return _root(lambda noncentral: 1 - scipy.special.ncfdtr(above, below, noncentral, f) - tail, above * f)


def _most(f: float, above: int, below: int, tail: float) -> float:
    """The most that leaves as little as F such a chance."""
    return _root(lambda noncentral: tail - scipy.special.ncfdtr(above, below, noncentral, f), above * f)


def _root(rising: Any, start: float) -> float:
    """Where a function that rises from 0 or below passes it, but for rounding."""
    if rising(0.0) >= 0:
        return 0.0
    end = max(1.0, start)
    while rising(end) < 0:
        end *= 2
    return float(scipy.optimize.brentq(rising, 0.0, end, xtol=1e-9))
