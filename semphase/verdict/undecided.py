"""What would decide an undecided verdict: the smallest effect that its run could decide, and the units it would take.

Read from the parts that a verdict tells in its detail, so that a stored report is enough.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from semphase.stats.estimate import ROUNDING
from semphase.stats.level import TAIL
from semphase.stats.power import BOUNDS, Bounds, World, needed, of_test, rule_of, smallest_effect, world_of
from semphase.verdict.claim import Combine
from semphase.verdict.criterion import REAL_LINE, Criterion

Told = Mapping[str, Any]
"""A part of a verdict as its detail tells it."""
Decided = Literal["supported", "refuted"]
CALLS: tuple[Decided, Decided] = ("supported", "refuted")
TESTS = ("p<", "not-rejected")
_NEVER = math.inf


@dataclass(frozen=True, slots=True)
class Undecided:
    """A part of a criterion that is undecided.

    `expected` is the call to which it comes where its value is the truth, None where that lies on the threshold.
    `effects` are the smallest distances from the threshold, in the estimate's unit, that the run decides with 80 % power
    to either side; None where it could decide none. `units` are the numbers that there are of each population, `needs`
    those at which simulated power reaches 80 % for the present value; empty where no size would. `approximate` says that
    the rule of the interval is taken for a t on each side.
    """

    part: str
    criterion: str
    expected: Decided | None
    effects: Mapping[Decided, float | None]
    needs: tuple[int, ...]
    population: tuple[str, ...]
    units: tuple[int, ...]
    unit: str
    approximate: bool

    @property
    def smallest_effect(self) -> float | None:
        """That on the side where the value lies; the smaller one where it lies on the threshold."""
        if self.expected is not None:
            return self.effects[self.expected]
        return min((own for own in self.effects.values() if own is not None), default=None)


@dataclass(frozen=True, slots=True)
class _Route:
    """One way to a decision, in a world of its own where a test decides."""

    call: Decided
    bounds: Bounds
    world: World


def undecided_parts(parts: Sequence[Told], combine: Combine = "all", reason: str = "") -> tuple[Undecided, ...]:
    """The undecided ones of all parts of a criterion, first the one that the verdict waits for.

    `reason` says what the estimates lack. Under "all", a part that its value misses refutes by itself, so the one that
    takes fewest units is waited for; where every value meets its part, all are, so the one that takes most is. "any" is
    the mirror.
    """
    found = [_undecided(part, combine, len(parts), reason) for part in parts if part["verdict"] == "inconclusive"]
    alone: Decided = "refuted" if combine == "all" else "supported"
    quick = [own for own in found if own.expected == alone]
    first = min(quick, key=_size, default=None) or max(found, key=_size, default=None)
    return tuple(sorted(found, key=lambda own: own is not first))


def _size(own: Undecided) -> float:
    return own.needs[0] if own.needs else _NEVER


def _undecided(told: Told, combine: Combine, parts: int, reason: str) -> Undecided:
    estimate, criterion = told["estimate"], criterion_of(told)
    population = tuple(estimate["population"]) or ("units",)
    units = tuple(estimate["units"]) or (estimate["n"],)
    least = _least(reason, population, units)
    if population == ROUNDING or estimate["value"] is None:
        expected, size, effects = None, _NEVER, _beyond_rounding(criterion, estimate)
    else:
        routes = _routes(criterion, told, (combine, parts), min(units))
        expected, size = _fewest(routes, criterion, estimate["value"])
        effects = {call: _smallest(routes, call) for call in CALLS}
    if any(least):
        # Nothing of this size decides, and of an interval without an end no more is known than that.
        effects, size = dict.fromkeys(CALLS), 0.0 if _unbounded(estimate) else size
    needs = _scaled(units, least, size / min(units)) if size < _NEVER else ()
    approximate = rule_of(estimate["method"]) == BOUNDS or criterion.comparison in TESTS
    return Undecided(
        told["part"], told["criterion"], expected, effects, needs, population, units, estimate["unit"], approximate
    )


def criterion_of(told: Told) -> Criterion:
    """The criterion that a told part was judged by, read back from its words; its level where it is a test."""
    threshold, words = told["threshold"], told["criterion"].removeprefix(told["part"]).strip(" :")
    bounds = (float(threshold[0]), float(threshold[1])) if isinstance(threshold, list) else float(threshold)
    within = _range(told)
    if isinstance(bounds, tuple):
        return Criterion("between", bounds, told["part"], within=within)
    if found := re.match(r"p < ([^ ,]+)", words):
        return Criterion("p<", bounds, told["part"], float(found[1]), within)
    if found := re.match(r"= .* not rejected at (\S+)", words):
        return Criterion("not-rejected", bounds, told["part"], float(found[1]), within)
    comparison: Any = words.split()[0]
    return Criterion(comparison, bounds, told["part"], within=within)


def _range(told: Told) -> tuple[float, float]:
    low, high = told.get("within") or (None, None)
    return (-math.inf if low is None else low, math.inf if high is None else high)


def _routes(criterion: Criterion, told: Told, of: tuple[Combine, int], units: int) -> list[_Route]:
    """The ways to either call; of several parts, each has its share of the level where it decides alone."""
    (combine, parts), level = of, TAIL if criterion.alpha is None else criterion.alpha
    support, refute = (1 / parts, 1.0) if combine == "any" else (1.0, 1 / parts)
    floor, ceiling = criterion.bounds
    world = _world(told["estimate"], units, REAL_LINE if criterion.comparison in TESTS else criterion.within)
    if criterion.comparison == "p<":
        tested = _tested(told, floor=0.0, sides=1, units=units)
        return [
            _Route("supported", Bounds(floor=0.0, tail=level * support), tested),
            _Route("refuted", Bounds(ceiling=floor, tail=TAIL * refute), world),
        ]
    if criterion.comparison == "not-rejected":
        tested = _tested(told, floor=floor, sides=2, units=units)
        return [_Route("refuted", own, tested) for own in _outside(floor, floor, level / 2 * refute)]
    if criterion.comparison == "between":
        outside = [_Route("refuted", own, world) for own in _outside(floor, ceiling, TAIL * refute)]
        return [_Route("supported", Bounds(floor, ceiling, TAIL * support), world), *outside]
    above: Decided = "supported" if criterion.comparison in (">", ">=") else "refuted"
    below: Decided = "refuted" if above == "supported" else "supported"
    tails = {"supported": TAIL * support, "refuted": TAIL * refute}
    return [
        _Route(above, Bounds(floor=floor, tail=tails[above]), world),
        _Route(below, Bounds(ceiling=floor, tail=tails[below]), world),
    ]


def _outside(low: float, high: float, tail: float) -> tuple[Bounds, Bounds]:
    return Bounds(ceiling=low, tail=tail), Bounds(floor=high, tail=tail)


def _world(estimate: Told, units: int, within: tuple[float, float]) -> World:
    low, high = _ends(estimate)
    return world_of(estimate["value"], low, high, units, rule_of(estimate["method"]), within)


def _tested(told: Told, floor: float, sides: int, units: int) -> World:
    """The world in which a test has its p; where that shows no effect, the estimate's upper side tells its error."""
    estimate, p = told["estimate"], told["p_value"]
    effect = estimate["value"] - floor if sides == 1 else abs(estimate["value"] - floor)
    if effect > 0 and p is not None and 0 < p / sides < 0.5:
        return of_test(effect, p / sides, units)
    value, (_, high) = estimate["value"], _ends(estimate)
    return world_of(value, 2 * value - high, high, units)


def _fewest(routes: Sequence[_Route], criterion: Criterion, value: float) -> tuple[Decided | None, float]:
    """The call that fewest units decide where the value is the truth, and their number; `_NEVER` if none do."""
    takes = dict.fromkeys(CALLS, _NEVER)
    for route in routes:
        found = needed(route.world, value, route.bounds)
        takes[route.call] = min(takes[route.call], _NEVER if found is None else found)
    expected = min(CALLS, key=takes.__getitem__)
    return (expected, takes[expected]) if takes[expected] < _NEVER else (_side(criterion, value), _NEVER)


def _smallest(routes: Sequence[_Route], call: Decided) -> float | None:
    found = [smallest_effect(route.world, route.bounds) for route in routes if route.call == call]
    return min((own for own in found if own is not None), default=None)


def _side(criterion: Criterion, value: float) -> Decided | None:
    """The call of a bare value; None on the threshold, and for tests, which have none."""
    if criterion.comparison in TESTS or criterion.margin(value) == 0:
        return None
    return "supported" if criterion.met_by(value) else "refuted"


def _beyond_rounding(criterion: Criterion, estimate: Told) -> dict[Decided, float | None]:
    """The distances at which the rounding of printed figures leaves no doubt."""
    if estimate["value"] is None:
        return dict.fromkeys(CALLS)
    low, high = _ends(estimate)
    below, above = (own if math.isfinite(own) else None for own in (estimate["value"] - low, high - estimate["value"]))
    if criterion.comparison in (">", ">="):
        return {"supported": below, "refuted": above}
    return {"supported": above, "refuted": below}


def _ends(estimate: Told) -> tuple[float, float]:
    low, high = estimate["low"], estimate["high"]
    return (-math.inf if low is None else low, math.inf if high is None else high)


def _unbounded(estimate: Told) -> bool:
    return estimate["low"] is None or estimate["high"] is None


def _least(reason: str, population: Sequence[str], units: Sequence[int]) -> tuple[int, ...]:
    """The least number of units of each population that is lacking ("needs 4 seeds at least"); 0 where none is.

    Units that weigh too unevenly, or are all alike, have no such number.
    """
    named = re.findall(r"(\d+) (?:clusters of )?([a-z]+)(?: of (text))? at least", reason)
    least = {text or things: int(number) for number, things, text in named}
    return tuple(
        least.get(own, 0) if there < least.get(own, 0) else 0 for own, there in zip(population, units, strict=True)
    )


def _scaled(units: Sequence[int], least: Sequence[int], times: float) -> tuple[int, ...]:
    """All populations times the same, for which of them an interval's width comes from is not told."""
    return tuple(max(own, math.ceil(there * times - 1e-9), there) for there, own in zip(units, least, strict=True))
