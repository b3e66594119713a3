"""What would decide an undecided verdict, from what its detail tells."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from statsmodels.stats.power import TTestPower

from semphase.stats.estimate import ROUNDING, Estimate
from semphase.stats.estimates import correlation, mean, perplexity_ratio, share
from semphase.verdict import (
    Claim,
    Criterion,
    Evidence,
    above,
    at_least,
    at_most,
    below,
    between,
    not_rejected,
    significant,
)
from semphase.verdict.decision import call_of
from semphase.verdict.judge import Judge
from semphase.verdict.plain import plain
from semphase.verdict.undecided import Undecided, criterion_of, undecided_parts

T_TEST = TTestPower()
UNITS, RUNS = 20, 600
NUMBERS = st.floats(-1e3, 1e3).map(lambda value: float(f"{value:g}"))
LEVELS = st.sampled_from([0.05, 0.01, 0.1])


def told(*parts: tuple[Criterion, Evidence | Estimate], combine: Any = "all") -> tuple[Undecided, ...]:
    """What is undecided of a claim with these parts, as its judge tells them."""
    claim = Claim("a.b", "s", "rule", tuple(rule for rule, _ in parts), "mean", "ours", "none: -", combine=combine)
    verdict = Judge(claim)({rule.part: given for rule, given in parts})
    assert verdict.verdict == "inconclusive"
    return undecided_parts(verdict.detail["parts"], verdict.detail.get("combine", "all"), verdict.reason)


def around(value: float, half: float, n: int = 20, **rest: Any) -> Estimate:
    """An estimate with a symmetric interval, made by no rule that is known here."""
    usual: dict[str, Any] = {"population": ("words",), "units": (n,)}
    return Estimate(value, value - half, value + half, "t", n, **(usual | rest))


def t_units(effect: float, half: float, units: int, parts: int = 1) -> float:
    """How many units a one-sided t-test takes, where so many give an interval with this half width."""
    deviation = half / scipy.stats.t.isf(0.025, units - 1) * math.sqrt(units)
    return float(T_TEST.solve_power(effect / deviation, power=0.8, alpha=0.025 / parts, alternative="larger"))


@given(
    st.text("abc :<>=|r²", min_size=1, max_size=8).filter(str.strip), NUMBERS, NUMBERS, LEVELS,
    st.sampled_from([above, at_least, below, at_most, between, significant, not_rejected]),
)  # fmt: skip
def test_a_criterion_is_read_back_from_what_is_told(part: str, one: float, two: float, alpha: float, make: Any) -> None:
    low, high = sorted((one, two))
    assume(low < high)
    if make is between:
        rule = between(low, high, part)
    elif make is significant:
        rule = significant(alpha, part, negligible=abs(one))
    elif make is not_rejected:
        rule = not_rejected(one, alpha, part)
    else:
        rule = make(one, part, within=(one - 1, math.inf))
    threshold = list(rule.threshold) if isinstance(rule.threshold, tuple) else rule.threshold
    within = [end if math.isfinite(end) else None for end in rule.within]
    again = criterion_of({"part": part, "criterion": str(rule), "threshold": threshold, "within": within})
    assert again == rule
    older = criterion_of({"part": part, "criterion": str(rule), "threshold": threshold})
    assert (older.comparison, older.alpha) == (rule.comparison, rule.alpha)


def test_both_figures_are_those_of_a_t_test() -> None:
    (found,) = told((above(0.0, "x"), around(0.5, 0.8)))
    assert (found.expected, found.population, found.approximate) == ("supported", ("words",), True)
    assert found.needs[0] == pytest.approx(t_units(0.5, 0.8, 20), rel=0.01, abs=1)
    deviation = 0.8 / scipy.stats.t.isf(0.025, 19) * math.sqrt(20)
    effect = T_TEST.solve_power(nobs=20, power=0.8, alpha=0.025, alternative="larger") * deviation
    assert found.smallest_effect == pytest.approx(effect, rel=0.01)
    assert found.effects["refuted"] == pytest.approx(effect, rel=0.01)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (above(0.1, "x"), "supported"), (at_most(0.1, "x"), "refuted"), (at_least(0.9, "x"), "refuted"),
        (below(0.9, "x"), "supported"), (between(0.9, 9, "x"), "refuted"), (between(-9, 0.1, "x"), "refuted"),
        (between(0.1, 9, "x"), "supported"),
    ],
)  # fmt: skip
def test_every_rule_is_decided_on_the_side_of_the_value(rule: Criterion, expected: str) -> None:
    (found,) = told((rule, around(0.5, 0.8)))
    assert found.expected == expected
    assert found.needs[0] == pytest.approx(t_units(0.4, 0.8, 20), rel=0.01, abs=1)


def test_on_the_threshold_no_size_decides() -> None:
    (found,) = told((above(0.5, "x"), around(0.5, 0.8)))
    assert (found.expected, found.needs) == (None, ())
    assert found.smallest_effect is not None


def test_of_parts_that_all_must_hold_the_slowest_is_waited_for() -> None:
    slow, quick = around(0.3, 0.8), around(0.6, 0.8)
    found = told((above(0.0, "quick"), quick), (above(0.0, "slow"), slow), (above(0.0, "done"), around(2.0, 0.8)))
    assert [own.part for own in found] == ["slow", "quick"]
    assert found[0].needs[0] == pytest.approx(t_units(0.3, 0.8, 20), rel=0.01)


def test_a_part_that_its_value_misses_refutes_alone_at_its_share_of_the_level() -> None:
    found = told((above(0.0, "slow"), around(0.1, 0.8)), (above(0.0, "missed"), around(-0.5, 0.8)))
    assert [own.part for own in found] == ["missed", "slow"]
    assert found[0].expected == "refuted"
    assert found[0].needs[0] == pytest.approx(t_units(0.5, 0.8, 20, parts=2), rel=0.01)


def test_under_any_one_part_supports_alone() -> None:
    found = told((above(0.0, "slow"), around(0.1, 0.8)), (above(0.0, "quick"), around(0.5, 0.8)), combine="any")
    assert [own.part for own in found] == ["quick", "slow"]
    assert found[0].needs[0] == pytest.approx(t_units(0.5, 0.8, 20, parts=2), rel=0.01)
    found = told((above(0.0, "one"), around(-0.3, 0.8)), (above(0.0, "two"), around(-0.5, 0.8)), combine="any")
    assert [own.part for own in found] == ["one", "two"]


def test_lacking_units_are_needed_at_least() -> None:
    seeds = {"population": ("seeds",), "units": (3,), "lacks": "4 seeds at least"}
    (found,) = told((above(0.0, "x"), around(9.0, 0.8, 3, **seeds)))
    assert (found.needs, found.smallest_effect) == ((4,), None)
    (found,) = told((above(0.0, "x"), around(0.2, 0.8, 3, **seeds)))
    assert found.needs[0] > 4
    (found,) = told((above(0.0, "x"), Estimate(1.0, -math.inf, math.inf, "t", 3, **seeds)))
    assert (found.needs, found.smallest_effect) == ((4,), None)
    blocks = {"population": ("text", "seeds"), "units": (2, 5), "lacks": "4 blocks of text at least"}
    (found,) = told((above(0.0, "x"), around(9.0, 0.8, 2, **blocks)))
    assert found.needs == (4, 5)


def test_units_that_are_all_alike_tell_nothing() -> None:
    (found,) = told((above(0.5, "x"), mean([1.0] * 5)))
    assert (found.needs, found.smallest_effect) == ((), None)


def test_several_populations_grow_together() -> None:
    (found,) = told((above(0.0, "x"), around(0.5, 0.8, population=("documents", "seeds"), units=(60, 20))))
    assert found.needs[1] == pytest.approx(t_units(0.5, 0.8, 20), rel=0.01, abs=1)
    assert found.needs[0] == 3 * found.needs[1]


def test_rounding_is_decided_by_no_size() -> None:
    (found,) = told((above(0.0, "x"), Estimate(0.1, -0.2, 0.3, "rounding", 9, population=ROUNDING, units=(9,))))
    assert found.needs == ()
    assert found.effects == pytest.approx({"supported": 0.3, "refuted": 0.2})


def test_a_test_of_an_effect_takes_what_its_p_tells() -> None:
    # At t = 1.5 of 24 degrees of freedom the standardised effect is 1.5/√25; the test is one-sided at 5 %.
    p = float(scipy.stats.t.sf(1.5, 24))
    (found,) = told((significant(0.05, "x"), Evidence(around(0.5, 0.8, 25), p)))
    exact = T_TEST.solve_power(1.5 / 5, power=0.8, alpha=0.05, alternative="larger")
    assert found.expected == "supported"
    assert found.needs[0] == pytest.approx(exact, rel=0.01, abs=1)
    (found,) = told((significant(0.05, "x"), Evidence(around(-0.5, 0.8, 25), 0.9)))
    assert found.expected == "refuted"


def test_a_test_of_equality_can_be_refuted() -> None:
    p = float(2 * scipy.stats.t.sf(1.5, 24))
    (found,) = told((not_rejected(1.0, 0.05, "x"), Evidence(around(0.5, 0.8, 25), p, False)))
    exact = T_TEST.solve_power(1.5 / 5, power=0.8, alpha=0.025, alternative="larger")
    assert (found.expected, found.effects["supported"]) == ("refuted", None)
    assert found.needs[0] == pytest.approx(exact, rel=0.01, abs=1)


def normal(units: int, rng: np.random.Generator) -> Estimate:
    return mean(rng.standard_normal(units) + 0.35, over="words")


def lopsided(units: int, rng: np.random.Generator) -> Estimate:
    return mean(rng.standard_gamma(0.7, units), over="words")


def related(units: int, rng: np.random.Generator) -> Estimate:
    first, second = rng.standard_normal((2, units))
    return correlation(first, 0.5 * first + math.sqrt(0.75) * second, over="words")


def rare(units: int, rng: np.random.Generator) -> Estimate:
    return share(rng.random(units) < 0.75, over="words")


def of_losses(units: int, rng: np.random.Generator) -> Estimate:
    base = rng.standard_normal((units, 8)) + 3
    return perplexity_ratio(base + 0.2 + rng.standard_normal((units, 1)) / 2, base)


@pytest.mark.parametrize(
    ("make", "truth", "rule"),
    [
        (normal, 0.35, above(0.0, "x")), (lopsided, 0.7, above(0.45, "x")), (lopsided, 0.7, below(1.1, "x")),
        (related, 0.5, above(0.1, "x", within=(-1, 1))), (rare, 0.75, above(0.55, "x", within=(0, 1))),
        (of_losses, math.exp(0.2), above(1.0, "x", within=(0, math.inf))),
    ],
)  # fmt: skip
def test_four_of_five_runs_of_the_needed_size_decide(
    make: Callable[[int, np.random.Generator], Estimate], truth: float, rule: Criterion
) -> None:
    rng = np.random.default_rng(11)
    found = [make(UNITS, rng) for _ in range(300)]
    # Of runs that are undecided, those next to the truth; the middle of what they ask for.
    open_ones = [own for own in found if call_of(rule, Evidence(own)) == "inconclusive"]
    near = sorted(open_ones, key=lambda own: abs(own.value - truth))[:25]
    sizes = sorted(told((rule, own))[0].needs[0] for own in near)
    size = sizes[len(sizes) // 2]
    decided = [call_of(rule, Evidence(make(size, rng))) == "supported" for _ in range(RUNS)]
    assert size >= UNITS
    assert np.mean(decided) == pytest.approx(0.8, abs=0.07)


@pytest.mark.parametrize(("law", "rule"), [(scipy.stats.norm, above(1.65, "x")), (scipy.stats.expon, above(1.65, "x"))])
def test_a_sample_that_is_like_its_population_tells_the_size(law: Any, rule: Criterion) -> None:
    quantiles = law.ppf((np.arange(UNITS) + 0.5) / UNITS)
    sample = 2.0 + (quantiles - quantiles.mean()) / quantiles.std(ddof=1)
    ((size,),) = [own.needs for own in told((rule, mean(sample, over="words")))]
    rng = np.random.default_rng(5)
    runs = 2.0 + (law.rvs(size=(1500, size), random_state=rng) - law.mean()) / law.std()
    decided = [call_of(rule, Evidence(mean(run))) == "supported" for run in runs]
    assert np.mean(decided) == pytest.approx(0.8, abs=0.04)


METHODS = st.sampled_from(["t", "skewness-corrected t over 9 words", "Clopper-Pearson interval of a share of 9 words"])
ENDS = st.none() | st.floats(0, 1e6)


@given(
    st.sampled_from([above, below, between, significant, not_rejected]), NUMBERS, ENDS, ENDS, METHODS,
    st.integers(1, 10**7), st.floats(0, 1), st.sampled_from([None, (0.0, 1.0), (-1.0, 1.0), (0.0, math.inf)]), NUMBERS,
)  # fmt: skip
@settings(deadline=None, max_examples=150)
def test_whatever_is_undecided_is_told(
    make: Any, value: float, lower: Any, upper: Any, method: str, n: int, p: float, within: Any, threshold: float
) -> None:
    if within is not None:
        ends = within[0], min(within[1], 1e3)
        value = float(np.clip(value, *ends))
        threshold = float(f"{np.clip(threshold, ends[0] + 0.1, ends[1] - 0.1):g}")
    low, high = (math.inf if own is None else own for own in (lower, upper))
    found = Estimate(value, value - low, value + high, method, n, population=("words",), units=(n,))
    rules: dict[Any, Callable[[], Criterion]] = {
        above: lambda: above(threshold, "x"), below: lambda: below(threshold, "x"),
        between: lambda: between(threshold, threshold + 1, "x"), not_rejected: lambda: not_rejected(threshold, 0.05, "x"),
        significant: lambda: significant(0.05, "x", negligible=abs(threshold)),
    }  # fmt: skip
    rule = rules[make]()
    part = {
        "part": "x", "criterion": str(rule), "threshold": plain(rule.threshold), "within": plain(within),
        "estimate": plain(found), "p_value": p, "verdict": "inconclusive",
    }  # fmt: skip
    (told_of,) = undecided_parts([part], reason="")
    assert all(size >= n for size in told_of.needs)
    assert all(effect is None or effect >= 0 for effect in told_of.effects.values())
