"""How many criteria come out alike in two forms of the same analysis, by what both forms are certain of."""

from __future__ import annotations

from collections.abc import Mapping

from semphase.stats.estimate import Estimate
from semphase.stats.level import TAIL
from semphase.stats.sampling import Sampling
from semphase.verdict import Criterion, Evidence
from semphase.verdict.decision import p_refuted, p_supported

RESOLUTION = 0.25
"""No end of the interval is nearer to a whole number of criteria than this."""
Numbers = Mapping[str, Estimate]


def agreeing(rules: Mapping[str, tuple[Criterion, ...]], first: Numbers, second: Numbers) -> Estimate:
    """The number of rules that both forms meet or both miss; a rule is met where all of its parts are.

    A form meets or misses a rule for certain where one-sided tests of its estimates say so, at a level that all sampled
    estimates of both forms share (Bonferroni). The interval runs from the rules that agree for certain to all but those
    that disagree for certain.
    """
    sampled = [estimate for form in (first, second) for estimate in form.values() if estimate.sampled]
    value = sum(_met(parts, first) == _met(parts, second) for parts in rules.values())

    def bounds(tail: float) -> tuple[float, float]:
        level = tail / max(len(sampled), 1)
        calls = [(_certain(parts, first, level), _certain(parts, second, level)) for parts in rules.values()]
        agree = sum(one == other != 0 for one, other in calls)
        apart = sum(one == -other != 0 for one, other in calls)
        return max(agree - RESOLUTION, 0.0), min(len(rules) - apart + RESOLUTION, float(len(rules)))

    low, high = bounds(TAIL)
    method = "rules that agree for certain, and those that do not disagree for certain; "
    own = sampled[0]
    return Estimate(
        float(value), min(low, float(value)), max(high, float(value)), method + own.method, own.n, "verdicts",
        population=own.population, units=own.units, lacks=next((one.lacks for one in sampled if one.lacks), ""),
        sampling=Sampling.of_bounds(bounds),
    )  # fmt: skip


def _met(parts: tuple[Criterion, ...], numbers: Numbers) -> bool:
    return all(part.met_by(numbers[part.part].value) for part in parts)


def _certain(parts: tuple[Criterion, ...], numbers: Numbers, level: float) -> int:
    """1 where all parts are met for certain, −1 where one is missed so, else 0."""
    if all(p_supported(part, Evidence(numbers[part.part])) <= level for part in parts):
        return 1
    return -1 if any(p_refuted(part, Evidence(numbers[part.part])) <= level for part in parts) else 0
