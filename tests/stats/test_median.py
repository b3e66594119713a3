"""The median between order statistics: the sign test, ties, and what is too little."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from semphase.stats.estimate import Estimate
from semphase.stats.level import TAIL
from semphase.stats.median import median, smallest_median

SEEDS = st.integers(0, 2**32 - 1)


def drawn(seed: int, n: int) -> np.ndarray:
    return np.random.default_rng(seed).exponential(size=n)


@settings(max_examples=25)
@given(SEEDS, st.integers(6, 60))
def test_the_ends_are_scipys(seed: int, n: int) -> None:
    values = drawn(seed, n)
    found = median(values, over="repeats")
    assert found.value == np.median(values)
    theirs = stats.quantile_test(values, p=0.5).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx(theirs)
    assert (found.population, found.units, found.lacks) == (("repeats",), (n,), "")


@settings(max_examples=25)
@given(SEEDS, st.integers(6, 60), st.floats(0.05, 3))
def test_p_is_the_sign_tests(seed: int, n: int, bound: float) -> None:
    values = drawn(seed, n)
    found = median(values)
    for p, under in ((found.p_above(bound), values <= bound), (found.p_below(bound), values >= bound)):
        exact = stats.binom.cdf(under.sum(), n, 0.5)
        assert p == pytest.approx(exact, rel=1e-4) or (exact >= 0.5 and p == 1)


@settings(max_examples=25)
@given(SEEDS, st.integers(6, 60))
def test_p_passes_the_tail_at_the_ends(seed: int, n: int) -> None:
    found = median(drawn(seed, n))
    assert found.p_above(found.low - 1e-9) <= TAIL < found.p_above(found.low + 1e-9)
    assert found.p_below(found.high + 1e-9) <= TAIL < found.p_below(found.high - 1e-9)
    assert found.p_above(-1e9) > 0


def test_fewer_than_six_have_no_two_ends() -> None:
    found = median(np.arange(5.0), over="repeats", within=(0, math.inf))
    assert (found.low, found.high, found.lacks) == (0, math.inf, "6 repeats at least")
    assert math.isfinite(median(np.arange(6.0)).high)


def test_ties_leave_a_width() -> None:
    found = median([1, 1, 1, 1, 1, 1, 2, 3, 0.5])
    assert (found.low, found.value, found.high) == (0.5, 1, 2)


def test_values_that_are_all_alike_say_nothing() -> None:
    found = median(np.ones(9), over="repeats")
    assert (found.low, found.high, found.lacks) == (-math.inf, math.inf, "repeats that are not all alike")


def test_a_mirrored_median_is_that_of_the_mirrored_values() -> None:
    values = drawn(0, 11)
    one, other = median(values).mirrored(), median(-values)
    assert isinstance(one, Estimate)
    assert (one.low, one.value, one.high) == pytest.approx((other.low, other.value, other.high))
    assert one.p_below(-0.1) == pytest.approx(other.p_below(-0.1))


@given(SEEDS, st.integers(8, 40))
def test_the_smallest_median_has_the_order_statistics_of_every_row(seed: int, n: int) -> None:
    rows = np.random.default_rng(seed).exponential(size=(3, n))
    found = smallest_median(rows, over="words")
    each = [stats.quantile_test(row, p=0.5).confidence_interval(0.95) for row in rows]
    assert found.value == np.median(rows, axis=-1).min()
    assert found.low == pytest.approx(min(min(own.low for own in each), found.value - 0.0005))
    shared = [stats.quantile_test(row, p=0.5).confidence_interval(1 - 0.05 / 3) for row in rows]
    assert found.high == pytest.approx(max(min(own.high for own in shared), found.value + 0.0005))
    assert found.p_above(found.low - 0.01) <= TAIL


def test_units_that_are_alike_have_a_median_to_its_resolution() -> None:
    found = smallest_median(np.zeros((1, 8)), over="words", within=(0, 1))
    assert (found.low, found.value, found.high, found.lacks) == (0, 0, 0.0005, "")
    assert found.p_below(0.5) == pytest.approx(2**-8, rel=1e-3)
    few = smallest_median(np.zeros((1, 5)), over="words", within=(0, 1))
    assert (few.low, few.high) == (0, 1)
    assert few.lacks == "6 words at least"
