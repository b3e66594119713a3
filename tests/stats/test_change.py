"""The change of an estimate: paired it is the paired difference, as independent Welch's, and it holds what is true."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from semphase.errors import SemphaseError
from semphase.stats.change import independent_change, paired_change
from semphase.stats.estimate import Estimate, census
from semphase.stats.estimates import difference, mean

RNG = np.random.default_rng(3)
FIRST = RNG.normal(2.0, 1.0, 24)
SECOND = FIRST + RNG.normal(0.3, 0.2, 24)
SIDES = st.floats(0, 1e3)


def deviations(estimate: Estimate) -> tuple[np.ndarray, ...]:
    assert estimate.sampling is not None
    return estimate.sampling.deviations


def test_paired_it_is_the_t_interval_of_the_differences():
    before, after = mean(FIRST, over="words", unit="nats"), mean(SECOND, over="words", unit="nats")
    found = paired_change(before, after, deviations(before), deviations(after))
    expected = stats.ttest_rel(SECOND, FIRST).confidence_interval(0.95)
    assert found.value == pytest.approx(np.mean(SECOND - FIRST))
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert (found.population, found.unit) == (("words",), "nats")
    assert difference(SECOND, FIRST, over="words").low == pytest.approx(found.low, abs=0.02)


def test_what_pairs_nothing_is_refused():
    before, after = mean(FIRST), mean(SECOND)
    own = deviations(before)
    with pytest.raises(SemphaseError, match="the same units"):
        paired_change(before, after, own, tuple(part[:-1] for part in own))
    with pytest.raises(SemphaseError, match="the same units"):
        paired_change(before, after, (), ())
    with pytest.raises(SemphaseError, match="did not all change alike"):
        paired_change(before, mean(FIRST + 1), own, own)


def test_as_independent_two_normal_intervals_add_in_quadrature():
    before = Estimate(1.0, 0.4, 1.6, "t", 20, population=("words",), units=(20,))
    after = Estimate(3.0, 2.2, 3.8, "t", 20, population=("words",), units=(20,))
    found = independent_change(before, after)
    assert (found.value, found.low, found.high) == pytest.approx((2.0, 1.0, 3.0))


@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), SIDES, SIDES, SIDES, SIDES)
def test_backwards_it_is_mirrored_and_never_narrower_than_one_side(one, other, a, b, c, d):
    before, after = Estimate(one, one - a, one + b, "x", 5), Estimate(other, other - c, other + d, "x", 5)
    there, back = independent_change(before, after), independent_change(after, before)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))
    assert there.value - there.low == pytest.approx(math.hypot(b, c), abs=1e-9)
    assert there.low <= there.value <= there.high


def test_open_ends_stay_open_and_what_is_not_sampled_is_certain():
    endless = Estimate(0.2, 0.1, math.inf, "x", 5)
    assert independent_change(endless, Estimate(1.0, 0.9, 1.1, "x", 5)).low == -math.inf
    exact = independent_change(census(3, "all", 4), census(5, "all", 4))
    assert (exact.value, exact.low, exact.high, exact.exact) == (2, 2, 2, True)
    rounded = [Estimate(own, own - 0.5, own + 0.5, "x", 1, population=("rounding",)) for own in (1.0, 2.0)]
    assert independent_change(*rounded).high == 2.0  # both may be off by half
    beside = independent_change(census(3, "all", 4), Estimate(5.0, 4.0, 6.0, "t", 9, population=("text",), units=(9,)))
    assert (beside.low, beside.high, beside.population) == (1.0, 3.0, ("text",))


def test_independent_intervals_hold_the_true_change():
    rng, held = np.random.default_rng(8), 0
    for _ in range(400):
        found = independent_change(mean(rng.normal(0, 1, 12)), mean(rng.normal(0.5, 2, 20)))
        held += found.low <= 0.5 <= found.high
    assert stats.binomtest(held, 400, 0.95).pvalue > 0.001 or held > 380
