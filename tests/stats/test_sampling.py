"""p-values that agree with intervals: every rule's, at its ends and beyond; standard errors of deviations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from semphase.errors import SemphaseError
from semphase.stats.binomial import exact_share
from semphase.stats.estimate import CENSUS, Estimate, census
from semphase.stats.estimates import best_of, correlation, difference, estimate, largest, mean, share, worst
from semphase.stats.level import TAIL
from semphase.stats.sampling import LEAST_P, Sampling, error_of, half_width

SEEDS = st.integers(0, 2**32 - 1)


def of_share(successes: int, n: int) -> Sampling:
    return Sampling.of_bounds(lambda tail: exact_share(successes, n, 1 - 2 * tail))


@settings(max_examples=20)
@given(st.integers(1, 39), st.floats(0.02, 0.98))
def test_bounds_of_a_share_give_the_binomial_tail(successes: int, bound: float) -> None:
    sampling = of_share(successes, 40)
    for p, tail in (
        (sampling.p_above(bound), stats.binom.sf(successes - 1, 40, bound)),
        (sampling.p_below(bound), stats.binom.cdf(successes, 40, bound)),
    ):
        # Beyond a half an interval has no end, and no p is told from 1.
        assert p == pytest.approx(tail if tail < 0.5 else 1.0, rel=1e-3, abs=1e-15)


def test_none_and_all_say_nothing_of_their_own_end() -> None:
    assert of_share(0, 20).p_above(0.0) == 1
    assert of_share(20, 20).p_below(1.0) == 1
    assert of_share(0, 20).p_below(0.5) == pytest.approx(0.5**20, rel=1e-3)


def spread(x: np.ndarray) -> np.ndarray:
    return x.std(axis=-1, ddof=1)


RULES = {
    "mean": lambda rows: mean(rows[0]),
    "mean of clusters": lambda rows: mean(rows[0], clusters=np.arange(12) // 2),
    "difference": lambda rows: difference(rows[0], rows[1]),
    "share": lambda rows: share(np.append(rows[0] > 1, [True, False])),
    "correlation": lambda rows: correlation(rows[0], rows[1]),
    "estimate": lambda rows: estimate(spread, rows[0], within=(0, math.inf)),
    "worst": worst,
    "largest": largest,
    "best_of": best_of,
}


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=10)
@given(SEEDS)
def test_p_at_an_end_is_its_tail(rule: str, seed: int) -> None:
    found = RULES[rule](np.random.default_rng(seed).exponential(size=(4, 12)))
    for own in (found, found.mirrored()):
        assert own.p_above(own.low) == pytest.approx(TAIL, rel=1e-3)
        assert own.p_below(own.high) == pytest.approx(TAIL, rel=1e-3)
        assert 0 < own.p_above(own.low - 1e9) < TAIL
        assert 0 < own.p_below(own.high + 1e9) < TAIL
        assert own.population == ("samples",) or rule not in ("worst", "largest", "best_of")
        assert own.sampled
        assert len(own.units) == len(own.population) == 1


@pytest.mark.parametrize("rule", RULES)
def test_a_mirrored_estimate_turns_its_p_round(rule: str) -> None:
    found = RULES[rule](np.random.default_rng(0).exponential(size=(4, 12)))
    turned = found.mirrored()
    assert (turned.low, turned.value, turned.high) == (-found.high, -found.value, -found.low)
    assert turned.p_above(-0.3) == found.p_below(0.3)
    assert turned.p_below(-0.3) == found.p_above(0.3)
    for own, other in zip(turned.sampling.deviations, found.sampling.deviations, strict=True):
        np.testing.assert_array_equal(own, -other)


def test_no_p_is_zero() -> None:
    certain = Sampling(lambda bound: 0.0, lambda bound: -1.0)
    assert certain.p_above(0) == certain.p_below(0) == LEAST_P > 0
    assert Sampling(lambda bound: 2.0, lambda bound: 1.0).p_above(0) == 1


@given(st.floats(-5, 5), st.floats(0.1, 3), st.floats(0.1, 3))
def test_ends_alone_are_taken_for_normal(value: float, below: float, above: float) -> None:
    sampling = Sampling.of_ends(value, value - below, value + above)
    assert sampling.p_above(value - below) == pytest.approx(TAIL)
    assert sampling.p_below(value + above) == pytest.approx(TAIL)
    assert sampling.p_above(value) == 0.5
    assert sampling.p_above(value - 2 * below) == pytest.approx(stats.norm.sf(2 * stats.norm.isf(TAIL)))


def test_an_end_that_is_open_tells_nothing_apart() -> None:
    assert Sampling.of_ends(1.0, -math.inf, 2.0).p_above(-5.0) == 0.5


def test_errors_add_with_welchs_freedom() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=9), 2 * rng.normal(size=5)
    error, freedom = error_of([a, b])
    theirs = stats.ttest_ind(a, b, equal_var=False)
    assert error == pytest.approx(math.sqrt(a.var(ddof=1) / 9 + b.var(ddof=1) / 5))
    assert freedom == pytest.approx(theirs.df)
    assert error_of([a, np.ones(1)])[0] == pytest.approx(a.std(ddof=1) / 3)
    assert error_of([np.ones(4)]) == error_of([]) == (0.0, math.inf)
    assert half_width(-1.0, 3.0) == pytest.approx(2 / 1.959964)


# What an estimate says of itself


def test_a_census_has_no_interval_and_is_told_so() -> None:
    found = census(0.4, "all of them", 30)
    assert (found.population, found.units) == (CENSUS, (30,))
    assert found.exact
    assert not found.sampled
    assert str(found) == "0.4 exact"
    assert (found.p_above(0.3), found.p_above(0.4), found.p_below(0.5)) == (0.0, 1.0, 0.0)
    with pytest.raises(SemphaseError, match="a census has no interval"):
        Estimate(0.4, 0.3, 0.5, "m", 30, population=CENSUS)


def test_rounding_is_not_sampled() -> None:
    found = Estimate(0.4, 0.35, 0.45, "m", 1, population=("rounding",))
    assert not found.sampled
    assert not found.exact
    assert (found.p_above(0.3), found.p_above(0.4)) == (0.0, 1.0)


def test_populations_have_names() -> None:
    with pytest.raises(SemphaseError, match="not of weather"):
        Estimate(0.4, 0.3, 0.5, "m", 30, population=("weather",))
    with pytest.raises(SemphaseError, match="must hold the value"):
        Estimate(0.4, 0.45, 0.5, "m", 30)
