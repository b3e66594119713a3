"""Estimates for any claim: plain numbers in, one `Estimate` out, with the interval of `semphase.stats.pivot`.

Values are Python numbers, NumPy arrays or xarray.DataArrays (whose axis `prompt` holds the units). `over` says what
the units are and what the estimate therefore speaks of; `clusters` labels units that are not independent (prompts of
one word), which then count together. Intervals are at 95 %; how often they hold, and from how many units on, is in
docs/calibration.md. With fewer units an estimate says what it lacks, and its verdict is inconclusive.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import scipy
from jaxtyping import Bool, Float

from semphase.code import require_plain
from semphase.errors import SemphaseError, Undefined
from semphase.stats.binomial import exact_share
from semphase.stats.blocks import BlockLosses
from semphase.stats.estimate import Estimate
from semphase.stats.least import Kind, lacking
from semphase.stats.level import TAIL
from semphase.stats.pivot import Pivot, pivot
from semphase.stats.pseudovalues import pseudovalues
from semphase.stats.sampling import Sampling
from semphase.stats.scale import CORRELATION, POSITIVE, Scale
from semphase.stats.units import Labels, Numbers, Over, Units, effective, numbers, paired, samples, units

Losses = BlockLosses | Numbers
_STUDENT = "skewness-corrected t over"
_SAME = 1e-12
_ROUNDING = 64 * np.finfo(np.float64).eps
"""Relative to the largest number: units that differ by less are alike."""


def mean(values: Numbers, *, over: Over = "prompts", clusters: Labels | None = None, unit: str = "") -> Estimate:
    """The mean of values [unit], each unit with equal weight, whatever its cluster's size.

    SemphaseError for fewer than two units and for values that are not finite.
    """
    array = numbers(values, "mean")
    return _mean(array, _size(array), units(array.size, over, clusters, "mean"), "mean", unit)


def difference(
    a: Numbers, b: Numbers, *, over: Over = "prompts", clusters: Labels | None = None, unit: str = ""
) -> Estimate:
    """The mean of a − b over the same units, paired: what both share cancels."""
    first, second = paired(a, b, "difference")
    found = units(first.size, over, clusters, "difference")
    return _mean(first - second, _size(first, second), found, "paired difference", unit)


def share(flags: Any, *, over: Over = "prompts", clusters: Labels | None = None, unit: str = "") -> Estimate:
    """The share of units whose flag is true (or 1), with the exact interval of Clopper and Pearson (1934).

    (One end of Wilson's misses up to 16 % of worlds of 16 units.) With clusters, the number of units shrinks to the one
    that would give independent units the same standard error, at Student's level for as many clusters (after Korn and
    Graubard 1998), to that of clusters where the share is 0 or 1.
    """
    array = numbers(flags, "share")
    if not np.isin(array, (0.0, 1.0)).all():
        raise SemphaseError("share takes flags (true or false, 1 or 0) and got other numbers; use mean for those.")
    found = units(array.size, over, clusters, "share")
    value, n = float(array.mean()), _effective(array, found)
    low, high = exact_share(value * n, n)
    method = f"Clopper-Pearson interval of a share of {found}"
    deviations = (_deviations(found.sums(array), found.counts),)
    sampling = Sampling.of_bounds(lambda tail: exact_share(value * n, n, 1 - 2 * tail), deviations)
    return Estimate(
        value, low, high, method, found.n, unit,
        population=found.population, units=(found.n,), lacks=_lacking("share", found), sampling=sampling,
    )  # fmt: skip


def correlation(a: Numbers, b: Numbers, *, over: Over = "prompts", clusters: Labels | None = None) -> Estimate:
    """Pearson's correlation of two values for each unit, on Fisher's scale.

    The standard error is at least Fisher's own for normal values, for flags that are rare have deviations that are too
    small by far. Undefined where one of the two is constant, and where a correlation is perfect, even without one of the
    units.
    """
    first, second = paired(a, b, "correlation")
    if min(np.ptp(first), np.ptp(second)) == 0:
        raise Undefined("correlation is not defined where one of the two is the same for all units.")
    found = units(first.size, over, clusters, "correlation")
    if lacks := _lacking("correlation", found):
        value = float(np.clip(_pearson(first, second), -1, 1))
        method = f"correlation, {_STUDENT} {found}"
        return Estimate(value, -1.0, 1.0, method, found.n, population=found.population, units=(found.n,), lacks=lacks)
    value, own = pseudovalues(_pearson, (first, second), found, CORRELATION)
    made = pivot(value, own, scale=CORRELATION, effective=found.effective)
    # The scale's log odds are twice Fisher's z, whose standard error is 1/√(n − 3) (1921).
    least = 2 / math.sqrt(max(found.effective - 3, 1))
    made = replace(made, error=np.maximum(made.error, least))
    return _estimate(made, own, 1.0, "correlation", "correlation", found, "")


def perplexity_ratio(a: Losses, b: Losses, *, over: Over | None = None, clusters: Labels | None = None) -> Estimate:
    """Perplexity of a over that of b on the same tokens, exp of the difference of mean losses in nats per token.

    Two `BlockLosses` of one text (units: blocks), or two arrays of token losses [unit, position], padded with nan
    (units: prompts). Each unit weighs as many tokens as it has.
    """
    (first, counts), (second, others) = (_sums(losses) for losses in (a, b))
    if not isinstance(a, BlockLosses) and not isinstance(b, BlockLosses) and not _padded_alike(a, b):
        raise SemphaseError("perplexity_ratio compares losses on the same tokens: give both the same text and padding.")
    texts = {getattr(losses, "text", "") for losses in (a, b)} - {""}
    if counts.shape != others.shape or (counts != others).any() or len(texts) > 1:
        raise SemphaseError("perplexity_ratio compares losses on the same tokens: give both the same text and padding.")
    kind = over or ("blocks" if isinstance(a, BlockLosses) else "prompts")
    found = units(counts.size, kind, clusters, "perplexity_ratio")
    sums, tokens = found.sums(first - second), found.sums(counts)
    level, evenly = float(sums.sum() / tokens.sum()), effective(tokens)
    if not 0 < (value := np.exp(level)) < math.inf:
        raise Undefined(f"perplexity_ratio met a mean difference of {level:.4g} nats, whose exponential is no number.")
    own = _deviations(sums, tokens)
    made = pivot(value, own, scale=POSITIVE, effective=evenly)
    size = float(np.abs(first / counts).max() + np.abs(second / counts).max())
    return _estimate(made, own, size, "ratio of perplexities", "ratio of perplexities", found, "", evenly)


def worst(
    values: Numbers,
    *,
    across: str = "units",
    over: Over = "samples",
    clusters: Labels | None = None,
    unit: str = "",
) -> Estimate:
    """The smallest of the means of values [unit, sample], for rules that every unit must meet from above.

    The interval runs from the smallest of the units' one-sided lower bounds at 97.5 %, which holds under any
    dependence between units, to the smallest of their upper bounds at 1 − 2.5 %/units (Bonferroni). It speaks of
    these units (`across` names them); only their samples are drawn from more. For rules from below use `largest`.
    """
    array = numbers(values, "worst", "unit sample")
    found = units(array.shape[1], over, clusters, "worst")
    return _smallest(array, _size(array), found, f"smallest mean of {len(array)} {across}", unit)


def largest(
    values: Numbers,
    *,
    across: str = "units",
    over: Over = "samples",
    clusters: Labels | None = None,
    unit: str = "",
) -> Estimate:
    """The largest of the means of values [unit, sample], as `worst` with signs changed, for rules from below."""
    array = numbers(values, "largest", "unit sample")
    found = units(array.shape[1], over, clusters, "largest")
    made = _smallest(-array, _size(array), found, f"largest mean of {len(array)} {across}", unit)
    return made.mirrored()


def best_of(
    values: Numbers,
    *,
    candidate: int = 0,
    over: Over = "samples",
    clusters: Labels | None = None,
    unit: str = "",
) -> Estimate:
    """By how much the mean of one candidate of values [candidate, sample] exceeds that of its closest rival.

    Above 0 it is the best. The candidate is named beforehand (the first row, if nothing is said), for a candidate
    chosen on the same samples would look better than it is. Every rival's paired difference has its own bound, as in
    `worst`.
    """
    array = numbers(values, "best_of", "candidate sample")
    if len(array) < 2 or not isinstance(candidate, int | np.integer) or not -len(array) <= candidate < len(array):
        raise SemphaseError(
            f"best_of needs a rival and a candidate that is there, got {candidate} of {len(array)} rows."
        )
    found = units(array.shape[1], over, clusters, "best_of")
    margins = array[candidate] - np.delete(array, candidate, axis=0)
    return _smallest(margins, _size(array), found, f"smallest paired margin over {len(margins)} rivals", unit)


def estimate(
    statistic: Callable[..., Any],
    *given: Numbers,
    over: Over = "prompts",
    clusters: Labels | None = None,
    unit: str = "",
    within: tuple[float, float] = (-math.inf, math.inf),
) -> Estimate:
    """Any smooth statistic of samples that share their units; not a median or an extreme, nor an R² of next to nothing.

    The last axis of each sample (a DataArray's `prompt`) holds the units. `statistic` takes the samples in order as
    arrays `[*draw, …, unit]` and returns `[*draw]`: it works along the last axes and keeps those in front, as in
    `lambda x: x.std(axis=-1)`. It closes over nothing: what it needs comes as a sample. It is called once for all
    units and once without each of them; with clusters of different sizes, once for each. `within` is the range in
    which the statistic lies, such as (0, inf) for a ratio or a standard deviation: errors are taken on its scale.
    """
    require_plain(statistic, "estimate")
    arrays = tuple(samples(values, "estimate") for values in given)
    sizes = sorted({array.shape[-1] for array in arrays})
    if len(sizes) != 1:
        raise SemphaseError(f"estimate needs samples with the same units on their last axis, got sizes {sizes}.")
    found = units(sizes[0], over, clusters, "estimate")
    return _any(statistic, arrays, found, "any smooth statistic", "estimate", unit, _scale(within))


def _mean(values: Float[np.ndarray, " unit"], size: float, found: Units, what: str, unit: str) -> Estimate:
    own = _deviations(found.sums(values), found.counts)
    made = pivot(values.mean(), own, effective=found.effective)
    return _estimate(made, own, size, "mean", what, found, unit)


def _smallest(values: Float[np.ndarray, "row sample"], size: float, found: Units, what: str, unit: str) -> Estimate:
    own = _deviations(found.sums(values), found.counts)
    made = pivot(values.mean(axis=-1), own, effective=found.effective)
    method, value = f"{what}, bounds for each by {_STUDENT} {found}", float(values.mean(axis=-1).min())
    known = np.asarray(made.error > _ROUNDING * size)
    if not known.any():
        return _unknown(value, found, method, unit)
    # Far out in the tail a row's own skewness is not known well enough: the rows' mean stands in where that reaches further.
    usual = np.asarray(made.skewness)[known].mean()
    far = replace(made, skewness=np.maximum(made.skewness, usual))

    def bounds(tail: float) -> tuple[float, float]:
        low = float(np.asarray(made.low(tail)).min()) if known.all() else -math.inf
        share = tail / len(values)
        return low, float(np.maximum(made.high(share), far.high(share))[known].min())

    low, high = bounds(TAIL)
    if not known.all():
        method = f"{method}; {int((~known).sum())} without spread, of which nothing is known"
    return Estimate(
        value, low, max(high, value), method, found.n, unit,
        population=found.population, units=(found.n,), lacks=_lacking("worst of many", found),
        sampling=Sampling.of_bounds(bounds, (own[int(values.mean(axis=-1).argmin())],)),
    )  # fmt: skip


def _any(
    statistic: Callable[..., Any], arrays: Any, found: Units, kind: Kind, what: str, unit: str, scale: Scale
) -> Estimate:
    value, own = pseudovalues(statistic, arrays, found, scale)
    deviations = np.abs(own - scale.to(value))
    if len(own) > 2 and deviations.max() > 0 and np.count_nonzero(deviations > _SAME * deviations.max()) == 1:
        raise Undefined(
            f"{what} met a statistic that rests on one of {found}, an extreme; use worst, largest or best_of."
        )
    made = pivot(value, own, scale=scale, effective=found.effective)
    return _estimate(made, own, abs(float(scale.to(value))), kind, what, found, unit)


def _estimate(
    made: Pivot,
    own: Float[np.ndarray, " unit"],
    size: float,
    kind: Kind,
    what: str,
    found: Units,
    unit: str,
    evenly: float = math.inf,
) -> Estimate:
    """`size` is that of the largest number on the working scale: what differs by less than its rounding is alike.

    `evenly` is the number of units of one weight that these amount to, where their clusters do not say so.
    """
    method, value = f"{what}, {_STUDENT} {found}", float(made.scale.back(made.value))
    if made.error <= _ROUNDING * size:
        return _unknown(value, found, method, unit)
    return Estimate(
        value, float(made.low()), float(made.high()), method, found.n, unit,
        population=found.population, units=(found.n,), lacks=_lacking(kind, found, evenly),
        sampling=Sampling.of_pivot(made, own),
    )  # fmt: skip


def _scale(within: Any) -> Scale:
    try:
        low, high = map(float, within)
    except (TypeError, ValueError):
        raise SemphaseError(
            f"estimate takes within=(low, high), the range of the statistic, and got {within!r}."
        ) from None
    return Scale(low, high)


def _size(*arrays: Float[np.ndarray, "*any"]) -> float:
    return max(float(np.abs(array).max(initial=0.0)) for array in arrays)


def _lacking(kind: Kind, found: Units, effective: float = math.inf) -> str:
    return lacking(kind, found.n, min(found.effective, effective), found.things)


def _unknown(value: float, found: Units, method: str, unit: str) -> Estimate:
    """Where all units are alike nothing is known of their spread."""
    lacks = f"{found} that are not all alike"
    return Estimate(
        value, -math.inf, math.inf, method, found.n, unit, population=found.population, units=(found.n,), lacks=lacks
    )


def _deviations(
    sums: Float[np.ndarray, "*row unit"], counts: Float[np.ndarray, " unit"]
) -> Float[np.ndarray, "*row unit"]:
    """Of means that are ratios of sums: n − 1 times by how much each unit (or cluster) that is left out moves them."""
    total, n = counts.sum(), len(counts)
    centre = sums.sum(axis=-1, keepdims=True) / total
    deviations: Float[np.ndarray, "*row unit"] = (n - 1) * (sums - centre * counts) / (total - counts)
    return deviations


def _effective(flags: Float[np.ndarray, " unit"], found: Units) -> float:
    """How many independent units would give a share the same standard error.

    One cluster of flags that are all true and one without any are added, for few clusters show too little of how much
    they differ.
    """
    if not found.clustered:
        return found.size
    p = flags.mean()
    if p in (0.0, 1.0):
        return found.n
    size = found.counts.mean()
    sums, counts = np.append(found.sums(flags), (size, 0.0)), np.append(found.counts, (size, size))
    n, centre = len(counts), sums.sum() / counts.sum()
    variance = n / (n - 1) * ((sums - centre * counts) ** 2).sum() / counts.sum() ** 2
    student = scipy.stats.t.ppf(1 - TAIL, np.array([found.size - 1, found.n - 1]))
    alone = centre * (1 - centre) / variance * found.n / n * float(student[0] / student[1]) ** 2
    return float(min(found.size, alone))


def _sums(losses: Losses) -> tuple[Float[np.ndarray, " unit"], Float[np.ndarray, " unit"]]:
    if isinstance(losses, BlockLosses):
        return numbers(losses.sums, "perplexity_ratio", "block"), losses.counts.astype(float)
    array = np.asarray(losses, dtype=float)
    if array.ndim != 2:
        raise SemphaseError(
            f"perplexity_ratio takes token losses [unit, position], not an array of shape {array.shape}."
        )
    there: Bool[np.ndarray, "unit position"] = ~np.isnan(array)
    if not there.any(axis=1).all():
        raise SemphaseError("perplexity_ratio met a unit without a single loss; leave it out of both.")
    return numbers(np.where(there, array, 0).sum(axis=1), "perplexity_ratio"), there.sum(axis=1).astype(float)


def _padded_alike(a: Numbers, b: Numbers) -> bool:
    first, second = (np.isnan(np.asarray(losses, dtype=float)) for losses in (a, b))
    return first.shape == second.shape and bool((first == second).all())


def _pearson(a: Float[np.ndarray, "*draw unit"], b: Float[np.ndarray, "*draw unit"]) -> Float[np.ndarray, "*draw"]:
    a, b = (values - values.mean(axis=-1, keepdims=True) for values in (a, b))
    scale = np.sqrt((a * a).sum(axis=-1) * (b * b).sum(axis=-1))
    return np.where(scale > 0, (a * b).sum(axis=-1) / np.where(scale > 0, scale, 1), np.nan)
