"""Power: what runs of other sizes would decide, simulated from an estimate's value and interval.

If the value is the truth, a run with r times the units has a standard error that is √r times smaller, and as many more
degrees of freedom. What is sampled follows the rule that made the interval:

- smooth statistics: units with the skewness that the longer side of the interval shows (gamma distributed), judged by
  the same skewness-corrected t, one run after the other; beyond a few hundred units by their limit, a normal value and
  a χ² variance;
- shares: exactly, by the binomial distribution and the interval of Clopper and Pearson;
- all others (extremes with bounds for each row, positions, score intervals): each side of the interval is taken for that
  of a t and shrinks with √r. That is approximate: what only few units add to a side (the skewness of a row) is kept, so
  that too many are asked for; other rows near the extreme are not counted, so that too few are.

Everything is drawn from fixed seeds, the same draws for every size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
import scipy
from jaxtyping import Float, Int

from semphase.stats.binomial import exact_share
from semphase.stats.level import TAIL
from semphase.stats.pivot import Pivot
from semphase.stats.scale import UNBOUNDED, Scale

POWER = 0.8
"""The share of runs that should decide."""
MOST = 100_000
"""How many times the present units are looked at; where more are needed, no size would decide."""
SMOOTH, SHARE, BOUNDS = "smooth", "share", "bounds"
SIDES = BELOW, ABOVE = 0, 1

_DRAWS = 4096
_NO_SPREAD = 1e-200
"""Of one unit; its power of 3/2 is a number still."""
_DRAWN_UNITS, _DRAWN_RUNS = 160, 2048
"""Up to so many, units are drawn one by one, in so many runs."""
_FEW_FREEDOM = 256
_LEAST_SKEWNESS, _MOST_SKEWNESS = 0.05, 5.0
_JAGGED = 20_000
_PLACES = 1001
Draws = Float[np.ndarray, " draw"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """A decision: an interval whose ends are each missed in a share `tail` of worlds lies above `floor`, below `ceiling`."""

    floor: float = -math.inf
    ceiling: float = math.inf
    tail: float = TAIL

    def hold(self, value: float) -> bool:
        """Does a bare value lie between them?"""
        return self.floor < value < self.ceiling


class World(Protocol):
    """What estimates of a quantity come out as, at any number of units; `units` is the present one."""

    @property
    def units(self) -> int:
        """How many there are at present."""
        ...

    def power(self, truth: float, bounds: Bounds, units: int) -> float:
        """The share of runs of so many units that decide, where `truth` is the quantity."""
        ...

    def nearest(self, bounds: Bounds) -> float | None:
        """The truth nearest to the one finite bound that a run of the present size decides with 80 % power."""
        ...

    def settled(self, truth: float, bounds: Bounds, units: int, /) -> int:
        """From how many units on the power stays, where it is reached at `units` first."""
        ...


def rule_of(method: str) -> str:
    """By which rule an interval was made, as far as its `method` tells: SMOOTH, SHARE or BOUNDS."""
    if "Clopper-Pearson" in method:
        return SHARE
    mixed = any(words in method for words in ("bounds for each", "no other one beats", "orders that agree"))
    return SMOOTH if "skewness-corrected t" in method and not mixed else BOUNDS


def world_of(
    value: float,
    low: float,
    high: float,
    units: int,
    rule: str = BOUNDS,
    within: tuple[float, float] = (-math.inf, math.inf),
) -> World:
    """The world in which an estimate with this 95 % interval over so many units is right on average.

    `within` is the range of the statistic. An infinite end, or one at the end of the range, says nothing of its side.
    """
    if rule == SHARE and 0 <= value <= 1:
        return Share(units, _trials(value, low, high, units))
    inside = all(within[0] < own < within[1] for own in (value, low, high))
    scale = Scale(*within) if inside else UNBOUNDED
    sides = [
        math.inf if end in within or math.isinf(end) else abs(float(scale.to(value)) - float(scale.to(end)))
        for end in (low, high)
    ]
    freedom = max(units - 1, 1)
    student = float(scipy.stats.t.isf(TAIL, freedom))
    below, above = (side / student for side in sides)
    skewness = _skewness(below, above, freedom) if rule == SMOOTH else None
    if skewness is None:
        return Scatter(units, below, above, scale)
    return Scatter(units, min(below, above), min(below, above), scale, skewness, drawn=True)


def of_test(effect: float, p: float, units: int) -> World:
    """The world of an effect above 0 with the one-sided p of a test, which is taken for that of a t."""
    error = effect / float(scipy.stats.t.isf(p, max(units - 1, 1)))
    return Scatter(units, error, error)


def smallest_effect(world: World, bounds: Bounds) -> float | None:
    """The smallest distance from a bound that a run of the present size decides with 80 % power; None if it cannot."""
    if math.isfinite(bounds.floor) and math.isfinite(bounds.ceiling):
        between = np.linspace(bounds.floor, bounds.ceiling, _PLACES)[1:-1]
        enough = [float(at) for at in between if world.power(float(at), bounds, world.units) >= POWER]
        return min((min(at - bounds.floor, bounds.ceiling - at) for at in enough), default=None)
    found = world.nearest(bounds)
    return None if found is None else abs(found - (bounds.floor if math.isfinite(bounds.floor) else bounds.ceiling))


def needed(world: World, value: float, bounds: Bounds) -> int | None:
    """The smallest number of units, at least the present one, at which the power is 80 % if the value is the truth.

    None where no size would do: the value lies on a bound or beyond, or more than `MOST` times the units are needed.
    """

    def enough(units: int) -> bool:
        return world.power(value, bounds, units) >= POWER

    if not bounds.hold(value):
        return None
    few = many = world.units
    while not enough(many):
        few, many = many, 2 * many
        if few > MOST * world.units:
            return None
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if enough(middle) else (middle, many)
    found = world.settled(value, bounds, many)
    return found if found <= MOST * world.units else None


@dataclass(frozen=True, slots=True)
class Scatter:
    """Estimates that scatter about the truth on a working scale, with standard errors at the present units.

    `below` and `above` are the errors that the two sides of an interval show; with units that are `drawn` they are equal,
    and `skewness` is that of the statistic.
    """

    units: int
    below: float
    above: float
    scale: Scale = UNBOUNDED
    skewness: float = 0.0
    drawn: bool = False

    def power(self, truth: float, bounds: Bounds, units: int) -> float:
        """The share of simulated runs that decide."""
        apart = (self._apart(bounds.floor, truth), self._apart(truth, bounds.ceiling))
        sides = [side for side in SIDES if math.isfinite(apart[side])]
        met = [_reaches(self, units, bounds.tail, side) <= apart[side] for side in sides]
        return float(np.mean(np.all(met, axis=0))) if met else 1.0

    def nearest(self, bounds: Bounds) -> float | None:
        """One quantile of the distances that runs decide."""
        side = BELOW if math.isfinite(bounds.floor) else ABOVE
        distance = float(np.quantile(_reaches(self, self.units, bounds.tail, side), POWER, method="higher"))
        start, way = (bounds.floor, 1) if side == BELOW else (bounds.ceiling, -1)
        return float(self.scale.back(self.scale.to(start) + way * distance)) if math.isfinite(distance) else None

    def settled(self, _truth: float, _bounds: Bounds, units: int, /) -> int:
        """At once: power grows with the units."""
        return units

    def _apart(self, low: float, high: float) -> float:
        """The distance on the working scale; infinite to a bound at an end of the range or beyond."""
        if low <= self.scale.low or high >= self.scale.high:
            return math.inf
        return float(self.scale.to(high) - self.scale.to(low))


@dataclass(frozen=True, slots=True)
class Share:
    """Shares of independent trials; clusters of units come to fewer `trials` than there are units in them."""

    units: int
    trials: float

    def power(self, truth: float, bounds: Bounds, units: int) -> float:
        """The probability that the interval of Clopper and Pearson decides."""
        return float(self._powers(truth, bounds, np.array([units]))[0])

    def nearest(self, bounds: Bounds) -> float | None:
        """By bisection between the bound and the end of the range."""
        side = 1.0 if math.isfinite(bounds.floor) else 0.0
        near, far = (bounds.floor if side else bounds.ceiling), side
        if not bounds.hold(far) or self.power(far, bounds, self.units) < POWER:
            return None
        for _ in range(50):
            middle = (near + far) / 2
            near, far = (near, middle) if self.power(middle, bounds, self.units) >= POWER else (middle, far)
        return far

    def settled(self, truth: float, bounds: Bounds, units: int, /) -> int:
        """After the last step down: numbers are whole, so power falls a little where one more trial adds no success."""
        if units > _JAGGED:
            return units
        window = np.arange(self.units, 2 * units + 50)
        short = np.flatnonzero(self._powers(truth, bounds, window) < POWER)
        return int(window[short[-1]]) + 1 if short.size and short[-1] + 1 < window.size else units

    def _powers(self, truth: float, bounds: Bounds, units: Int[np.ndarray, " size"]) -> Float[np.ndarray, " size"]:
        trials = np.maximum(np.rint(self.trials * units / self.units), 1)
        binomial = scipy.stats.binom
        low, high = -np.ones_like(trials), trials
        if math.isfinite(bounds.floor):
            low = binomial.isf(bounds.tail, trials, np.clip(bounds.floor, 0, 1))
        if math.isfinite(bounds.ceiling):
            own = np.clip(bounds.ceiling, 0, 1)
            high = binomial.ppf(bounds.tail, trials, own)
            high = np.where(binomial.cdf(high, trials, own) > bounds.tail, high - 1, high)
        return np.maximum(binomial.cdf(high, trials, truth) - binomial.cdf(low, trials, truth), 0.0)


@lru_cache(maxsize=64)
def _reaches(world: Scatter, units: int, tail: float, side: int) -> Float[np.ndarray, " run"]:
    """How far a bound on one side must be from the truth for each run to decide, on the working scale."""
    error = world.below if side == BELOW else world.above
    if not math.isfinite(error):
        return np.full(_DRAWS, math.inf)
    if world.drawn and units <= _DRAWN_UNITS:
        runs = _drawn(units, world.skewness * math.sqrt(world.units), error * math.sqrt(world.units))
    else:
        runs = _limit(world, units, error)
    return -np.asarray(runs.low(tail)) if side == BELOW else np.asarray(runs.high(tail))


def _limit(world: Scatter, units: int, error: float) -> Pivot:
    """Runs of many units, about 0: a normal value, and a variance that is χ² with its degrees of freedom."""
    value, variance = _standard()
    ratio = math.sqrt(world.units / units)
    freedom = max(units - 1, 1)
    return Pivot(
        error * ratio * value,
        error * ratio * np.sqrt(_chi2(variance, freedom)),
        np.full(_DRAWS, float(freedom)),
        np.full(_DRAWS, world.skewness * ratio),
    )


def _drawn(units: int, skewness: float, error: float) -> Pivot:
    """Runs of few units with this skewness and standard error each, about 0, with the moments that they show."""
    first, second, third = (sums[units - 1] for sums in _sums(round(skewness, 6)))
    mean = first / units
    squares = np.maximum(second - units * mean**2, _NO_SPREAD)
    cubes = third - 3 * mean * second + 2 * units * mean**3
    variance = squares / (units * max(units - 1, 1))
    cumulant = cubes / (units * (units - 1) * (units - 2)) if units > 2 else np.zeros_like(mean)
    freedom = np.full_like(mean, max(units - 1, 1))
    return Pivot(error * mean, error * np.sqrt(variance), freedom, cumulant / variance**1.5)


@lru_cache(maxsize=2)
def _sums(skewness: float) -> tuple[np.ndarray, ...]:
    """Running sums over units of standardised draws, their squares and cubes [unit, draw]."""
    rng = np.random.default_rng(0)
    shape = (_DRAWN_UNITS, _DRAWN_RUNS)
    if abs(skewness) < _LEAST_SKEWNESS:
        draws = rng.standard_normal(shape)
    else:
        k = 4 / min(abs(skewness), _MOST_SKEWNESS) ** 2
        draws = math.copysign(1, skewness) * (rng.standard_gamma(k, shape) - k) / math.sqrt(k)
    squares = draws * draws
    return tuple(np.cumsum(powers, axis=0) for powers in (draws, squares, draws * squares))


@lru_cache(maxsize=1)
def _standard() -> tuple[Draws, Draws]:
    """Standard normal values, and uniform numbers beside them, evenly spread."""
    uniform = scipy.stats.qmc.Sobol(2, rng=np.random.default_rng(0)).random(_DRAWS)
    return scipy.stats.norm.ppf(uniform[:, 0]), uniform[:, 1]


def _chi2(uniform: Draws, freedom: int) -> Draws:
    """χ² over its degrees of freedom; for many of them by the cube root's normal distribution (Wilson and Hilferty 1931)."""
    if freedom <= _FEW_FREEDOM:
        return 2 / freedom * scipy.special.gammaincinv(freedom / 2, uniform)
    spread = 2 / (9 * freedom)
    return (1 - spread + math.sqrt(spread) * scipy.special.ndtri(uniform)) ** 3


def _skewness(below: float, above: float, freedom: int) -> float | None:
    """The skewness at which the corrected t is as lopsided as the sides of an interval; None where none is.

    The shorter side is Student's own, see `semphase.stats.pivot`.
    """
    if not 0 < min(below, above) <= max(below, above) < math.inf:
        return None
    amounts = np.linspace(0, 2, 2001)
    reaches = -np.asarray(Pivot(np.zeros(2001), np.ones(2001), np.full(2001, float(freedom)), -amounts).low())
    rising = slice(0, int(reaches.argmax()) + 1)
    ratio = max(below, above) / min(below, above)
    if ratio > reaches.max() / reaches[0]:
        return None
    amount = float(np.interp(ratio, reaches[rising] / reaches[0], amounts[rising]))
    return -amount if below > above else amount


def _trials(value: float, low: float, high: float, units: int) -> float:
    """Of how many independent trials a share with this interval is."""

    def too_wide(trials: float) -> float:
        # What is less than a billionth of a trial is none: the incomplete beta function has no such number.
        hits = round(value * trials, 9)
        found = exact_share(hits if trials - hits > 1e-9 else trials, trials)
        return (found[1] - found[0]) - (high - low)

    few, many = min(1.0, float(units)), 1e3 * units
    if abs(too_wide(units)) < 1e-9:
        return float(units)
    if too_wide(few) < 0 or too_wide(many) > 0:
        return float(units)
    return float(scipy.optimize.brentq(too_wide, few, many))
