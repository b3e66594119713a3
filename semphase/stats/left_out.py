"""Estimates of statistics that are made anew without each unit of their sample: the jackknife, for any number of kinds.

A factor is one kind of units (words, prompts, blocks of text, documents, seeds) and the statistic without each of them
in turn; prompts may belong to strata (their words), within which they are drawn. Factors are independent, and what they
contribute adds up. Deviations go through the one rule, `semphase.stats.pivot`; how often the intervals hold is in
docs/calibration.md. Statistics may be many at once, [*row]: the extremes below allow for that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from semphase.errors import Undefined
from semphase.stats.estimate import Estimate
from semphase.stats.least import Kind, lacking
from semphase.stats.level import TAIL
from semphase.stats.pivot import Pivot, pivot
from semphase.stats.sampling import Sampling
from semphase.stats.scale import UNBOUNDED, Scale

_ROUNDING = 64 * np.finfo(np.float64).eps
REAL_LINE = (-math.inf, math.inf)
Rows = Float[np.ndarray, "*row"]


@dataclass(frozen=True, slots=True, eq=False)
class Factor:
    """One kind of units: the statistic without each in turn, [*row, unit]; `strata` [unit] labels what they lie in.

    `kind` is a word of `semphase.stats.estimate.POPULATIONS`; `least` names the row of `LEAST` that counts them.
    """

    kind: str
    without: Float[np.ndarray, "*row unit"]
    strata: np.ndarray | None = None
    least: Kind = "any smooth statistic"

    @property
    def n(self) -> int:
        """How many units there are."""
        return int(self.without.shape[-1])

    @property
    def lacks(self) -> str:
        """What there is too little of for a verdict."""
        return lacking(self.least, self.n, float(self.n), self.kind)

    def parts(self) -> list[Float[np.ndarray, "*row part"]]:
        """The units of each stratum."""
        if self.strata is None:
            return [self.without]
        order = np.argsort(self.strata, kind="stable")
        ends = np.flatnonzero(np.diff(self.strata[order])) + 1
        return np.split(self.without[..., order], ends, axis=-1)

    def at(self, row: int) -> Factor:
        """The units of one statistic of several, [row]."""
        return replace(self, without=self.without[row])


def smooth(
    value: float, *factors: Factor, what: str, unit: str = "", within: tuple[float, float] = REAL_LINE
) -> Estimate:
    """A statistic that moves smoothly with its units, with its interval over all of them.

    `within` is its range: errors are taken on the scale that it suggests; where the statistic or one of those without
    a unit lies at an end of it, on the statistic's own, cut at the ends. Undefined where one is no number.
    """
    given = np.asarray(value, dtype=np.float64)
    _require_numbers(given, factors, what)
    made, scale = _pivot(given, factors, Scale(*within))
    method, spread = _method(what, factors), float(made.error)
    if spread <= _ROUNDING * abs(float(scale.to(given))):
        return _alike(float(given), factors, method, unit)
    low, high = (float(np.clip(end, *within)) for end in (made.low(), made.high()))
    sampling = Sampling.of_pivot(made, *_deviations(factors, scale))
    low, high = min(low, float(given)), max(high, float(given))
    return _estimate(float(given), low, high, factors, method, unit, sampling)


def smallest(
    values: Rows, *factors: Factor, what: str, unit: str = "", within: tuple[float, float] = REAL_LINE
) -> Estimate:
    """The smallest of statistics [row], for rules that every one of them must meet from above.

    From the smallest of their one-sided lower bounds at 97.5 %, which holds under any dependence between rows, to the
    smallest of their upper bounds at 1 − 2.5 %/rows (Bonferroni). It speaks of these rows; only their units are
    sampled.
    """
    return ordered(values, (1, 1), *factors, what=what, unit=unit, within=within)


def ordered(
    values: Rows,
    places: tuple[int, int],
    *factors: Factor,
    what: str,
    unit: str = "",
    within: tuple[float, float] = REAL_LINE,
) -> Estimate:
    """The mean of the k-th to the m-th smallest of statistics [row], `places` (k, m): (3, 3) for the third smallest.

    Lower ends are those places of the rows' lower bounds at 97.5 %, shared by m rows (Bonferroni): that the k-th of them
    is too high takes an error in one of the k rows that are smallest in truth. Upper ends are shared by the rows from the
    k-th on. It speaks of these rows; only their units are sampled.
    """
    given = np.asarray(values, dtype=np.float64)
    _require_numbers(given, factors, what)
    made, scale = _pivot(given, factors, Scale(*within))
    method = f"{_method(what, factors)}, bounds for each of {given.size}"
    known = np.asarray(made.error > _ROUNDING * np.abs(scale.to(given)))
    kept, (first, last) = slice(places[0] - 1, places[1]), places
    value, rows = float(np.sort(given)[kept].mean()), np.argsort(given)[kept]
    if not known.any():
        return _alike(value, factors, method, unit)
    # Far out in the tail a row's own skewness is not known well enough: the rows' mean stands in where that reaches further.
    far = replace(made, skewness=np.maximum(made.skewness, np.asarray(made.skewness)[known].mean()))

    def bounds(tail: float) -> tuple[float, float]:
        low = np.where(known, np.asarray(made.low(tail / last)), -math.inf)
        share = tail / (given.size - first + 1)
        high = np.where(known, np.maximum(made.high(share), far.high(share)), math.inf)
        return float(np.sort(low)[kept].mean()), float(np.sort(high)[kept].mean())

    low, high = (float(np.clip(end, *within)) for end in bounds(TAIL))
    if not known.all():
        method = f"{method}; {int((~known).sum())} without spread, of which nothing is known"
    sampling = Sampling.of_bounds(bounds, _mean_deviations(given, rows, known, factors, scale))
    return _estimate(value, min(low, value), max(high, value), factors, method, unit, sampling)


def best_lead(leads: Float[np.ndarray, "candidate rival"], *factors: Factor, what: str, unit: str = "") -> Estimate:
    """The largest over candidates of the smallest lead over rivals: above 0 where some candidate beats every rival.

    Each candidate's smallest lead has the bounds of `smallest`; the lower ones are shared by the candidates (Bonferroni),
    for any of them might look better than it is, and an upper one is wrong only where the best candidate's is.
    """
    given = np.asarray(leads, dtype=np.float64)
    _require_numbers(given, factors, what)
    made, _ = _pivot(given, factors, UNBOUNDED)
    method = f"{_method(what, factors)}, bounds for each of {given.size} leads"
    known = np.asarray(made.error > _ROUNDING * np.abs(given))
    value, row = float(given.min(axis=1).max()), int(given.min(axis=1).argmax())
    if not known.any():
        return _alike(value, factors, method, unit)
    candidates, rivals = given.shape

    def bounds(tail: float) -> tuple[float, float]:
        low = np.where(known, np.asarray(made.low(tail / candidates)), -math.inf)
        high = np.where(known, np.asarray(made.high(tail / rivals)), math.inf)
        return float(low.min(axis=1).max()), float(high.min(axis=1).max())

    low, high = bounds(TAIL)
    closest = int(given[row].argmin())
    deviations = tuple(_deviations([replace(own, without=own.without[row, closest]) for own in factors], UNBOUNDED))
    sampling = Sampling.of_bounds(bounds, deviations)
    return _estimate(value, min(low, value), max(high, value), factors, method, unit, sampling)


def largest(
    values: Rows, *factors: Factor, what: str, unit: str = "", within: tuple[float, float] = REAL_LINE
) -> Estimate:
    """The largest of statistics [row], as `smallest` with signs changed, for rules from below."""
    turned = [replace(factor, without=-factor.without) for factor in factors]
    return smallest(-values, *turned, what=what, unit=unit, within=(-within[1], -within[0])).mirrored()


def median_row(
    values: Rows, *factors: Factor, what: str, unit: str = "", within: tuple[float, float] = REAL_LINE
) -> Estimate:
    """The median of statistics [row], by `ordered`: of these rows, whose units are sampled."""
    rows = len(values)
    return ordered(values, ((rows + 1) // 2, rows // 2 + 1), *factors, what=what, unit=unit, within=within)


def position(
    curve: Float[np.ndarray, " position"],
    at: Float[np.ndarray, " position"],
    *factors: Factor,
    what: str,
    resolution: float = 0.0005,
) -> Estimate:
    """Where a curve is largest: the positions `at` which no other one beats.

    Factors hold the curve without each unit, [position, unit]. A position is out where another one's lead over it is
    above 0 by its bound at 1 − 2.5 %/(positions − 1). No end is nearer to the value than the `resolution` to which
    positions are told.
    """
    k = len(curve)
    method = f"{_method(what, factors)}, positions that no other one beats"
    value = float(at[int(np.argmax(curve))])
    if k < 2:
        raise Undefined(f"{what} has a single position, which is no maximum")
    leads = {own: _leads(curve, factors, own, what) for own in range(k)}
    if not any(np.any(np.asarray(made.error) > 0) for made in leads.values()):
        return _alike(value, factors, method, "")

    def bounds(tail: float) -> tuple[float, float]:
        kept = [float(at[own]) for own, made in leads.items() if not _beaten(made, tail / (k - 1))]
        return min([*kept, value]) - resolution, max([*kept, value]) + resolution

    low, high = bounds(TAIL)
    return _estimate(value, low, high, factors, method, "", Sampling.of_bounds(bounds))


def _leads(curve: np.ndarray, factors: Sequence[Factor], own: int, what: str) -> Pivot:
    """By how much every other position exceeds one."""
    leads = np.delete(curve - curve[own], own)
    moved = [
        replace(factor, without=np.delete(factor.without - factor.without[own], own, axis=0)) for factor in factors
    ]
    _require_numbers(leads, moved, what)
    return _pivot(leads, moved, UNBOUNDED)[0]


def _beaten(leads: Pivot, tail: float) -> bool:
    spread = np.asarray(leads.error) > 0
    return bool(np.any(spread & (np.asarray(leads.low(tail)) > 0)) or np.any(~spread & (np.asarray(leads.value) > 0)))


def _require_numbers(given: np.ndarray, factors: Sequence[Factor], what: str) -> None:
    if not np.isfinite(given).all():
        raise Undefined(f"{what} is not defined on these data: {given[~np.isfinite(given)].flat[0]:.4g}")
    for factor in factors:
        if not np.isfinite(factor.without).all():
            raise Undefined(f"{what} is not defined without one of the {factor.kind}; there is too little to leave out")


def _pivot(given: np.ndarray, factors: Sequence[Factor], scale: Scale) -> tuple[Pivot, Scale]:
    """The pivot on the scale of the range, on the statistic's own where something lies at an end; and the scale."""
    inside = all(
        bool(np.all((numbers > scale.low) & (numbers < scale.high)))
        for numbers in (given, *(factor.without for factor in factors))
    )
    used = scale if inside else UNBOUNDED
    return pivot(given, *_deviations(factors, used), scale=used), used


def _deviations(factors: Sequence[Factor], scale: Scale) -> list[Float[np.ndarray, "*row part"]]:
    """(n − 1) times what leaving each unit out takes away, stratum by stratum, on the working scale."""
    made = []
    for factor in factors:
        for part in factor.parts():
            without = scale.to(part)
            made.append((part.shape[-1] - 1) * (without.mean(axis=-1, keepdims=True) - without))
    return made


def _mean_deviations(
    given: np.ndarray, rows: np.ndarray, known: np.ndarray, factors: Sequence[Factor], scale: Scale
) -> tuple[Float[np.ndarray, " part"], ...]:
    """Deviations of the mean of some rows, in the statistic's own unit."""
    each = [
        [
            float(scale.slope(given[row]) if known[row] else 0.0) * part
            for part in _deviations([factor.at(row) for factor in factors], scale)
        ]
        for row in rows
    ]
    return tuple(np.mean(parts, axis=0) for parts in zip(*each, strict=True))


def _method(what: str, factors: Sequence[Factor]) -> str:
    kinds = " and ".join(f"{factor.n} {factor.kind}" for factor in factors)
    return f"{what}, skewness-corrected t, each of {kinds} left out"


def _alike(value: float, factors: Sequence[Factor], method: str, unit: str) -> Estimate:
    kinds = " and ".join(factor.kind for factor in factors)
    lacks = f"{kinds} that are not all alike"
    return replace(_estimate(value, -math.inf, math.inf, factors, method, unit, None), lacks=lacks)


def _estimate(
    value: float, low: float, high: float, factors: Sequence[Factor], method: str, unit: str, sampling: Sampling | None
) -> Estimate:
    lacks = ", ".join(filter(None, (factor.lacks for factor in factors)))
    return Estimate(
        value, low, high, method, factors[0].n, unit,
        population=tuple(factor.kind for factor in factors), units=tuple(factor.n for factor in factors),
        lacks=lacks, sampling=sampling,
    )  # fmt: skip
