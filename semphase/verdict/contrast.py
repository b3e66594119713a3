"""A control beside the model: the mean of its copies, how the two verdicts relate, and by how much the model exceeds it.

A margin is the signed distance of a value to the criterion's threshold, above 0 where it is met; on logarithms for what can
only be positive (ratios, norms, widths), where copies scatter by factors. The contrast is the
model's margin less the mean margin of the copies. Copies scatter, and the model is set beside one more that was never
drawn: s²(copies)·(1 + 1/C). Both are measured on the same units, whose deviations are paired. A percentile bootstrap over
five copies would exclude an exchangeable sixth half of the time; docs/calibration.md says how often this interval does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy

from semphase.stats.estimate import Estimate
from semphase.stats.level import TAIL
from semphase.stats.sampling import Sampling, error_of, half_width
from semphase.verdict.claim import Claim
from semphase.verdict.criterion import REAL_LINE, Criterion
from semphase.verdict.decision import Call, Evidence, Relation
from semphase.verdict.verdict import Control, Weighed, require_fit, weigh

_FARTHEST = 1e6
_LARGEST = 700.0
_ROUNDING = 64 * float(np.finfo(np.float64).eps)
"""Relative to the values: copies that differ by less are alike."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A difference with its standard error and degrees of freedom."""

    value: float
    error: float
    freedom: float


def beside(
    claim: Claim, name: str, model: Mapping[str, Evidence], copies: Sequence[Mapping[str, Evidence]]
) -> tuple[Control, Weighed]:
    """The control of so many copies beside the model, and what the mean of its copies amounts to."""
    for copy in copies:
        for criterion in claim.parts:
            if criterion.part in copy:
                require_fit(claim, criterion, copy[criterion.part])
    together = {
        criterion.part: mean_of_copies([copy[criterion.part] for copy in copies], criterion.within)
        for criterion in claim.parts
        if all(criterion.part in copy for copy in copies)
    }
    found, own = weigh(claim, together), weigh(claim, model)
    contrasts = {
        criterion.part: contrast_of(
            criterion, model[criterion.part], [copy[criterion.part] for copy in copies], len(claim.parts)
        )
        for criterion in claim.parts
    }
    # What sets the model apart is a part that it meets and its control misses, if there is one.
    apart = {
        mine.criterion.part
        for mine, theirs in zip(own.parts, found.parts, strict=True)
        if relation_of(mine.call, theirs.call) == "model only"
    }
    chosen = {part: contrast for part, contrast in contrasts.items() if part in apart} or contrasts
    part, telling = max(chosen.items(), key=lambda named: -1.0 if named[1].lacks else -named[1].p_above(0))
    if len(contrasts) > 1:
        telling = replace(telling, method=f"{part}: {telling.method}")
    relation = relation_of(own.call, found.call)
    return Control(name, found.deciding.evidence.estimate, found.call, found.point, relation, telling), found


def relation_of(model: Call, control: Call) -> Relation:
    """How the verdicts on a model and on its control relate."""
    if "inconclusive" in (model, control):
        return "undecided"
    if model == control:
        return "both" if model == "supported" else "neither"
    return "model only" if model == "supported" else "control only"


def mean_of_copies(copies: Sequence[Evidence], within: tuple[float, float]) -> Evidence:
    """The evidence of several copies as one: their mean, with what the units and the copies scatter.

    Each side of the interval is the copies' mean side (they share their units) and Student's t of their spread, added
    as independent errors. A test's p becomes that of a mean above 0.
    """
    if len(copies) == 1:
        return copies[0]
    given = [copy.estimate for copy in copies]
    estimate = _mean([_logged(own) for own in given], REAL_LINE) if _positive(within, given) else _mean(given, within)
    if _positive(within, given):
        estimate = _raised(estimate, given[0])
    return Evidence(estimate, _common_p(copies, estimate), _common_equivalence(copies), None)


def _mean(each: Sequence[Estimate], within: tuple[float, float]) -> Estimate:
    values = np.array([own.value for own in each])
    value, spread = float(values.mean()), float(values.std(ddof=1)) / math.sqrt(len(each))
    reach = spread * float(scipy.stats.t.isf(TAIL, len(each) - 1))
    below, above = (
        math.hypot(float(np.mean(sides)), reach)
        for sides in ([own.value - own.low for own in each], [own.high - own.value for own in each])
    )
    low, high = (min(max(end, within[0]), within[1]) for end in (value - below, value + above))
    first = each[0]
    census = first.exact and spread == 0
    return Estimate(
        value, min(low, value), max(high, value), f"mean of {len(each)} copies; {first.method}", first.n, first.unit,
        population=first.population if not first.exact or census else ("seeds",),
        units=first.units if not first.exact or census else (len(each),),
        lacks=next((own.lacks for own in each if own.lacks), ""),
        sampling=None if census else Sampling.of_ends(value, value - below, value + above),
    )  # fmt: skip


def contrast_of(criterion: Criterion, model: Evidence, copies: Sequence[Evidence], parts: int = 1) -> Estimate:
    """The contrast on one of so many parts, at its share of the level; in the estimate's unit, or its logarithm."""
    if not model.estimate.sampled and len(copies) == 1:
        return _apart(criterion, model.estimate, copies[0].estimate)
    criterion, own, others = _comparable(criterion, model.estimate, [copy.estimate for copy in copies])
    found = _difference(criterion, own, others)
    tail, several = TAIL / parts, len(copies) > 1
    reach = found.error * float(scipy.stats.t.isf(tail, found.freedom))
    lacks = own.lacks or next((copy.lacks for copy in others if copy.lacks), "")
    if not lacks and not found.error > _ROUNDING * max(abs(estimate.value) for estimate in (own, *others)):
        lacks = "copies that are not all alike"
    reach = math.inf if lacks else reach
    method = (
        f"margin of the model less {f'the mean margin of {len(copies)} copies' if several else 'that of its control'}"
    )
    seeds = (("seeds",), (len(copies),)) if own.exact else (own.population, own.units)
    return Estimate(
        found.value, found.value - reach, found.value + reach, f"{method}, t with {found.freedom:.3g} degrees of freedom",
        own.n, own.unit, 1 - 2 * tail, population=seeds[0], units=seeds[1], lacks=lacks,
        sampling=_student(found) if found.error > 0 else None,
    )  # fmt: skip


def _positive(within: tuple[float, float], estimates: Sequence[Estimate]) -> bool:
    """Can the quantity only be positive, and is it seen to be?"""
    return within == (0.0, math.inf) and all(own.value > 0 for own in estimates)


def _comparable(
    criterion: Criterion, model: Estimate, copies: Sequence[Estimate]
) -> tuple[Criterion, Estimate, Sequence[Estimate]]:
    """Criterion and estimates as they are, or their logarithms."""
    low, high = criterion.bounds
    if low <= 0 or not _positive(criterion.within, [model, *copies]):
        return criterion, model, copies
    threshold = (math.log(low), math.log(high)) if isinstance(criterion.threshold, tuple) else math.log(low)
    logged = replace(criterion, threshold=threshold, within=REAL_LINE)
    return logged, _logged(model), [_logged(copy) for copy in copies]


def _logged(estimate: Estimate) -> Estimate:
    """The estimate of the logarithm."""
    low, high = (math.log(end) if end > 0 else -math.inf for end in (estimate.low, estimate.high))
    own = estimate.sampling
    sampling = own and Sampling(
        lambda bound: own.p_above(math.exp(bound)),
        lambda bound: own.p_below(math.exp(bound)),
        tuple(part / estimate.value for part in own.deviations),
    )
    unit = f"log {estimate.unit}".strip()
    return replace(estimate, value=math.log(estimate.value), low=low, high=high, unit=unit, sampling=sampling)


def _raised(estimate: Estimate, first: Estimate) -> Estimate:
    """Back from the logarithm."""
    own = estimate.sampling
    sampling = own and Sampling(
        lambda bound: own.p_above(math.log(bound) if bound > 0 else -math.inf),
        lambda bound: own.p_below(math.log(bound) if bound > 0 else -math.inf),
    )
    value, low, high = (math.exp(min(end, _LARGEST)) for end in (estimate.value, estimate.low, estimate.high))
    return replace(estimate, value=value, low=low, high=high, unit=first.unit, sampling=sampling)


def _apart(criterion: Criterion, model: Estimate, control: Estimate) -> Estimate:
    """The contrast with a single control where nothing is sampled: both widths added, none for a census."""
    value = criterion.margin(model.value) - criterion.margin(control.value)
    reach = (model.high - model.low) + (control.high - control.low)
    return replace(
        model, value=value, low=value - reach, high=value + reach, method=f"margin less its control's; {model.method}"
    )


def _difference(criterion: Criterion, model: Estimate, copies: Sequence[Estimate]) -> Spread:
    margins = np.array([criterion.margin(copy.value) for copy in copies])
    value, count = criterion.margin(model.value) - float(margins.mean()), len(copies)
    units, freedom = _units(criterion, model, copies)
    if count == 1:
        return Spread(value, units, freedom)
    spread = float(margins.var(ddof=1)) * (1 + 1 / count)
    return Spread(value, math.sqrt(spread + units**2), min(count - 1, freedom))


def _units(criterion: Criterion, model: Estimate, copies: Sequence[Estimate]) -> tuple[float, float]:
    """The standard error that the claim's units leave, paired where model and copies have the same."""
    if model.exact and all(copy.exact for copy in copies):
        return 0.0, math.inf
    own, others = _deviations(criterion, model), [_deviations(criterion, copy) for copy in copies]
    shape = [len(part) for part in own]
    if own and all([len(part) for part in other] == shape for other in others):
        means = [np.mean(parts, axis=0) for parts in zip(*others, strict=True)]
        error, freedom = error_of([mine - mean for mine, mean in zip(own, means, strict=True)])
        if error > 0 and error_of(own)[0] > 0:
            return error, freedom
    sides = [half_width(estimate.low, estimate.high) for estimate in copies]
    alone = half_width(model.low, model.high)
    return math.hypot(alone, float(np.mean(sides)) / math.sqrt(len(sides)) if len(sides) == 1 else 0.0), math.inf


def _deviations(criterion: Criterion, estimate: Estimate) -> list[np.ndarray]:
    if estimate.sampling is None:
        return []
    return [criterion.direction(estimate.value) * own for own in estimate.sampling.deviations]


def _student(found: Spread) -> Sampling:
    def p(distance: float) -> float:
        return float(scipy.stats.t.sf(np.clip(distance / found.error, -_FARTHEST, _FARTHEST), found.freedom))

    return Sampling(lambda bound: p(found.value - bound), lambda bound: p(bound - found.value))


def _common_p(copies: Sequence[Evidence], mean: Estimate) -> float | None:
    given = [copy.p_value for copy in copies if copy.p_value is not None]
    if len(given) < len(copies):
        return None
    # A test of a positive effect is one of the mean; any other p is that of the median copy.
    return (
        float(np.median(given)) if copies[0].equivalent is not None else max(float(np.median(given)), mean.p_above(0))
    )


def _common_equivalence(copies: Sequence[Evidence]) -> bool | None:
    given = [copy.equivalent for copy in copies]
    return None if None in given else 2 * sum(map(bool, given)) > len(given)
