"""Estimates for any claim: plain numbers in, one `Estimate` out, with the interval of `semphase.stats.interval`.

Values are Python numbers, NumPy arrays or xarray.DataArrays (whose axis `prompt` holds the units). `over` says what
the units are and what the estimate therefore speaks of; `clusters` labels units that are not independent (prompts of
one word), which are then resampled together. Intervals are at 95 % and provisional until they are calibrated: in the
simulations of the tests they cover at least 93 % for normal, log-normal and t₃ values at 20 units and more, except
means of log-normal values, which need 50.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from semphase.code import require_plain
from semphase.errors import SemphaseError, Undefined
from semphase.stats.blocks import BlockLosses
from semphase.stats.estimate import Estimate
from semphase.stats.interval import LEVEL, corrected, exact_share, studentised, wilson
from semphase.stats.redrawn import draws_and_left
from semphase.stats.units import Labels, Numbers, Over, Units, numbers, paired, samples, units

Losses = BlockLosses | Numbers
_TAIL = (1 - LEVEL) / 2
_STUDENTISED = "studentised bootstrap of"
_CORRECTED = "BCa bootstrap at Student's level of"


def mean(
    values: Numbers, *, over: Over = "prompts", clusters: Labels | None = None, unit: str = "", seed: int = 0
) -> Estimate:
    """The mean of values [unit], each unit with equal weight, whatever its cluster's size.

    Studentised bootstrap; SemphaseError for fewer than two units and for values that are not finite.
    """
    array = numbers(values, "mean")
    return _mean(array, units(array.size, over, clusters, "mean"), "mean", unit, seed)


def difference(
    a: Numbers, b: Numbers, *, over: Over = "prompts", clusters: Labels | None = None, unit: str = "", seed: int = 0
) -> Estimate:
    """The mean of a − b over the same units, paired: what both share cancels."""
    first, second = paired(a, b, "difference")
    return _mean(first - second, units(first.size, over, clusters, "difference"), "paired difference", unit, seed)


def share(flags: Any, *, over: Over = "prompts", clusters: Labels | None = None, unit: str = "") -> Estimate:
    """The share of units whose flag is true (or 1), with Wilson's interval, Clopper and Pearson's at 0 and 1.

    With clusters, the number of units shrinks to the one that would give independent units the same standard error
    (Korn and Graubard 1998), to that of clusters where the share is 0 or 1.
    """
    array = numbers(flags, "share")
    if not np.isin(array, (0.0, 1.0)).all():
        raise SemphaseError("share takes flags (true or false, 1 or 0) and got other numbers; use mean for those.")
    found = units(array.size, over, clusters, "share")
    value, n = float(array.mean()), _effective(array, found)
    edge = value in (0.0, 1.0)
    low, high = (exact_share if edge else wilson)(value * n, n)
    name = "Clopper-Pearson" if edge else "Wilson"
    return Estimate(value, low, high, f"{name} interval of a share of {found}", found.n, unit)


def correlation(
    a: Numbers, b: Numbers, *, over: Over = "prompts", clusters: Labels | None = None, seed: int = 0
) -> Estimate:
    """Pearson's correlation of two values for each unit, BCa bootstrap; Undefined where one of them is constant."""
    first, second = paired(a, b, "correlation")
    if min(np.ptp(first), np.ptp(second)) == 0:
        raise Undefined("correlation is not defined where one of the two is the same for all units.")
    found = units(first.size, over, clusters, "correlation")
    return _any(_pearson, (first, second), found, "correlation", "", seed)


def perplexity_ratio(
    a: Losses, b: Losses, *, over: Over | None = None, clusters: Labels | None = None, seed: int = 0
) -> Estimate:
    """Perplexity of a over that of b on the same tokens, exp of the difference of mean losses in nats per token.

    Two `BlockLosses` of one text (units: blocks), or two arrays of token losses [unit, position], padded with nan
    (units: prompts). Studentised bootstrap of the difference in nats, each unit weighing as many tokens as it has.
    """
    (first, counts), (second, others) = (_sums(losses) for losses in (a, b))
    texts = {getattr(losses, "text", "") for losses in (a, b)} - {""}
    if counts.shape != others.shape or (counts != others).any() or len(texts) > 1:
        raise SemphaseError("perplexity_ratio compares losses on the same tokens: give both the same text and padding.")
    kind = over or ("blocks" if isinstance(a, BlockLosses) else "prompts")
    found = units(counts.size, kind, clusters, "perplexity_ratio")
    sums, tokens = found.sums(first - second), found.sums(counts)
    low, high = np.exp(studentised(sums[None], tokens, seed, (_TAIL, _TAIL))[:, 0])
    value = float(np.exp(sums.sum() / tokens.sum()))
    return _held(value, (low, high), f"ratio of perplexities, {_STUDENTISED} {found}", found.n, "")


def worst(
    values: Numbers,
    *,
    across: str = "units",
    over: Over = "samples",
    clusters: Labels | None = None,
    unit: str = "",
    seed: int = 0,
) -> Estimate:
    """The smallest of the means of values [unit, sample], for rules that every unit must meet from above.

    The interval runs from the smallest of the units' one-sided lower bounds at 97.5 %, which holds under any
    dependence between units, to the smallest of their upper bounds at 1 − 2.5 %/units (Bonferroni). It speaks of
    these units (`across` names them); only their samples are drawn from more. For rules from below use `largest`.
    """
    array = numbers(values, "worst", "unit sample")
    found = units(array.shape[1], over, clusters, "worst")
    return _smallest(array, found, f"smallest mean of {len(array)} {across}", unit, seed)


def largest(
    values: Numbers,
    *,
    across: str = "units",
    over: Over = "samples",
    clusters: Labels | None = None,
    unit: str = "",
    seed: int = 0,
) -> Estimate:
    """The largest of the means of values [unit, sample], as `worst` with signs changed, for rules from below."""
    array = numbers(values, "largest", "unit sample")
    found = units(array.shape[1], over, clusters, "largest")
    made = _smallest(-array, found, f"largest mean of {len(array)} {across}", unit, seed)
    return Estimate(-made.value, -made.high, -made.low, made.method, made.n, unit)


def best_of(
    values: Numbers,
    *,
    candidate: int = 0,
    over: Over = "samples",
    clusters: Labels | None = None,
    unit: str = "",
    seed: int = 0,
) -> Estimate:
    """By how much the mean of one candidate of values [candidate, sample] exceeds that of its closest rival.

    Above 0 it is the best. The candidate is named beforehand (the first row, if nothing is said), for a candidate
    chosen on the same samples would look better than it is. Every rival's paired difference has its own bound, as in
    `worst`.
    """
    array = numbers(values, "best_of", "candidate sample")
    if len(array) < 2 or not -len(array) <= candidate < len(array):
        raise SemphaseError(
            f"best_of needs a rival and a candidate that is there, got {candidate} of {len(array)} rows."
        )
    found = units(array.shape[1], over, clusters, "best_of")
    margins = array[candidate] - np.delete(array, candidate, axis=0)
    return _smallest(margins, found, f"smallest paired margin over {len(margins)} rivals", unit, seed)


def estimate(
    statistic: Callable[..., Any],
    *given: Numbers,
    over: Over = "prompts",
    clusters: Labels | None = None,
    unit: str = "",
    seed: int = 0,
) -> Estimate:
    """Any smooth statistic of samples that share their units, with the BCa bootstrap over these.

    The last axis of each sample (a DataArray's `prompt`) holds the units. `statistic` takes the samples in order as
    arrays [*draw, …, unit] and returns [*draw]: it works along the last axes and keeps those in front, as in
    `lambda x: x.std(axis=-1)`. It closes over nothing: what it needs comes as a sample. With clusters of different
    sizes it is called once for each draw.
    """
    require_plain(statistic, "estimate")
    arrays = tuple(samples(values, "estimate") for values in given)
    sizes = sorted({array.shape[-1] for array in arrays})
    if len(sizes) != 1:
        raise SemphaseError(f"estimate needs samples with the same units on their last axis, got sizes {sizes}.")
    return _any(statistic, arrays, units(sizes[0], over, clusters, "estimate"), "estimate", unit, seed)


def _mean(values: Float[np.ndarray, " unit"], found: Units, what: str, unit: str, seed: int) -> Estimate:
    low, high = studentised(found.sums(values)[None], found.counts, seed, (_TAIL, _TAIL))[:, 0]
    return _held(float(values.mean()), (low, high), f"{what}, {_STUDENTISED} {found}", found.n, unit)


def _smallest(values: Float[np.ndarray, "row sample"], found: Units, what: str, unit: str, seed: int) -> Estimate:
    tails = (_TAIL, _TAIL / len(values))
    low, high = studentised(found.sums(values), found.counts, seed, tails).min(axis=1)
    method = f"{what}, bounds for each by {_STUDENTISED} {found}"
    return _held(float(values.mean(axis=-1).min()), (low, high), method, found.n, unit)


def _any(statistic: Callable[..., Any], arrays: Any, found: Units, what: str, unit: str, seed: int) -> Estimate:
    value, drawn, left = draws_and_left(statistic, arrays, found, seed)
    ends = corrected(value, drawn, left, what)
    return _held(value, ends, f"{what}, {_CORRECTED} {found}", found.n, unit)


def _held(value: float, ends: tuple[float, float], method: str, n: int, unit: str) -> Estimate:
    """Without spread both ends are the value up to rounding; the method says that nothing varied."""
    if ends[1] - ends[0] <= 1e-12 * abs(value):
        return Estimate(value, value, value, f"{method}; all alike", n, unit)
    return Estimate(value, float(ends[0]), float(ends[1]), method, n, unit)


def _effective(flags: Float[np.ndarray, " unit"], found: Units) -> float:
    if not found.clustered:
        return found.size
    p = flags.mean()
    residual = found.sums(flags) - p * found.counts
    variance = found.n / (found.n - 1) * (residual**2).sum() / found.size**2
    if p in (0.0, 1.0):
        return found.n
    return min(found.size, p * (1 - p) / variance) if variance > 0 else found.size


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


def _pearson(a: Float[np.ndarray, "*draw unit"], b: Float[np.ndarray, "*draw unit"]) -> Float[np.ndarray, "*draw"]:
    a, b = (values - values.mean(axis=-1, keepdims=True) for values in (a, b))
    scale = np.sqrt((a * a).sum(axis=-1) * (b * b).sum(axis=-1))
    return np.where(scale > 0, (a * b).sum(axis=-1) / np.where(scale > 0, scale, 1), np.nan)
