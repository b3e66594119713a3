"""What runs of other sizes would decide."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.power import TTestPower

from semphase.stats.binomial import exact_share
from semphase.stats.estimate import Estimate
from semphase.stats.estimates import best_of, correlation, difference, largest, mean, share, worst
from semphase.stats.left_out import Factor, position, smallest, smooth
from semphase.stats.power import (
    BOUNDS,
    MOST,
    SHARE,
    SMOOTH,
    Bounds,
    Scatter,
    Share,
    needed,
    of_test,
    rule_of,
    smallest_effect,
    world_of,
)
from semphase.stats.votes import lead_of_first

T_TEST = TTestPower()
ONE_SIDED = {"alpha": 0.025, "alternative": "larger"}
RNG = np.random.default_rng(3)
SAMPLE = RNG.standard_normal((4, 30))
LEFT_OUT = Factor("words", RNG.standard_normal((5, 12)))


def normal(units: int) -> Scatter:
    """The mean of so many units with standard deviation 1."""
    return Scatter(units, 1 / math.sqrt(units), 1 / math.sqrt(units))


@pytest.mark.parametrize("units", [5, 12, 40, 500])
def test_a_normal_mean_has_the_power_of_the_t_test(units: int) -> None:
    for effect in (0.5, 2.0, 3.0, 4.0):
        exact = T_TEST.power(effect / math.sqrt(units), units, **ONE_SIDED)
        found = [
            normal(units).power(effect / math.sqrt(units), Bounds(floor=0.0), units),
            normal(units).power(5 - effect / math.sqrt(units), Bounds(ceiling=5.0), units),
            normal(7).power(effect / math.sqrt(units), Bounds(floor=0.0), units),
        ]
        assert found == pytest.approx([exact] * 3, abs=0.004)  # 4096 evenly spread draws


@pytest.mark.parametrize("units", [8, 26, 900])
def test_the_smallest_effect_is_the_t_tests(units: int) -> None:
    exact = T_TEST.solve_power(nobs=units, power=0.8, **ONE_SIDED)
    assert smallest_effect(normal(units), Bounds(floor=3.0)) == pytest.approx(exact, rel=0.005)
    assert smallest_effect(normal(units), Bounds(ceiling=-3.0)) == pytest.approx(exact, rel=0.005)


@pytest.mark.parametrize("effect", [1.0, 0.5, 0.2, 0.05])
def test_the_units_that_it_takes_are_the_t_tests(effect: float) -> None:
    exact = T_TEST.solve_power(effect, power=0.8, **ONE_SIDED)
    found = needed(normal(4), effect, Bounds(floor=0.0))
    assert found == pytest.approx(math.ceil(exact), rel=0.01, abs=1)


def test_a_smaller_level_takes_more_units() -> None:
    for parts in (2, 5):
        exact = T_TEST.solve_power(0.4, power=0.8, alpha=0.025 / parts, alternative="larger")
        assert needed(normal(10), 0.4, Bounds(floor=0.0, tail=0.025 / parts)) == pytest.approx(exact, rel=0.02)


def test_both_sides_must_be_met_between_two_ends() -> None:
    # Two one-sided tests at 2.5 % of ±1/2 about 0: each end may be missed in a tenth of runs (Schuirmann 1987).
    z, half = scipy.stats.norm.isf(np.array([0.025, 0.1])).sum(), 0.5
    within = Bounds(-half, half)
    assert needed(normal(10), 0.0, within) == pytest.approx((z / half) ** 2, abs=3)
    assert smallest_effect(normal(10), within) is None
    assert smallest_effect(normal(400), within) == pytest.approx(
        T_TEST.solve_power(nobs=400, power=0.8, **ONE_SIDED), abs=2e-3
    )


def test_no_size_decides_a_value_on_the_bound_or_next_to_it() -> None:
    world = normal(20)
    assert needed(world, 0.0, Bounds(floor=0.0)) is None
    assert needed(world, -1.0, Bounds(floor=0.0)) is None
    nearest = 2.8 / math.sqrt(MOST * 20)
    assert needed(world, 0.98 * nearest, Bounds(floor=0.0)) is None
    assert needed(world, 1.02 * nearest, Bounds(floor=0.0)) == pytest.approx(MOST * 20 / 1.02**2, rel=0.02)


@given(st.integers(4, 300), st.floats(0.05, 3), st.sampled_from([Bounds(floor=0.0), Bounds(-1.0, 5.0)]))
@settings(deadline=None, max_examples=30)
def test_more_units_decide_more(units: int, truth: float, bounds: Bounds) -> None:
    powers = [normal(9).power(truth, bounds, units * times) for times in (1, 2, 5)]
    assert powers == sorted(powers)
    assert normal(9).power(truth, bounds, 10**8) == 1.0


@given(
    st.sampled_from([SMOOTH, BOUNDS]), st.integers(4, 60), st.floats(0.1, 3), st.floats(1.0, 2.5), st.floats(0.01, 0.99)
)
@settings(deadline=None, max_examples=25)
def test_what_is_undecided_takes_more_units(rule: str, units: int, side: float, lopsided: float, place: float) -> None:
    # The bound lies inside the interval [−side · lopsided, side], below its value 0.
    bounds = Bounds(floor=-place * side * lopsided)
    world = world_of(0.0, -side * lopsided, side, units, rule)
    found = needed(world, 0.0, bounds)
    assert found is None or found >= units
    if found is not None:
        assert world.power(0.0, bounds, found) >= 0.8
        assert found == units or world.power(0.0, bounds, found - 1) < 0.8


def decided(units: int, truth: float, bounds: Bounds) -> float:
    """The probability that a share's interval decides, by going through all outcomes."""
    counts = np.arange(units + 1)
    ends = np.array([exact_share(count, units, 1 - 2 * bounds.tail) for count in counts])
    there = (ends[:, 0] > bounds.floor) & (ends[:, 1] < bounds.ceiling)
    return float(scipy.stats.binom.pmf(counts, units, truth)[there].sum())


@pytest.mark.parametrize("bounds", [Bounds(floor=0.3), Bounds(ceiling=0.7, tail=0.005), Bounds(0.2, 0.9)])
def test_shares_have_their_exact_power(bounds: Bounds) -> None:
    for units in (4, 26, 61):
        for truth in (0.0, 0.45, 0.6, 1.0):
            assert Share(10, 10.0).power(truth, bounds, units) == pytest.approx(decided(units, truth, bounds), abs=1e-9)


def test_a_share_keeps_its_power_from_the_needed_size_on() -> None:
    bounds = Bounds(floor=0.5)
    found = needed(Share(10, 10.0), 0.7, bounds)
    assert found is not None
    assert decided(found - 1, 0.7, bounds) < 0.8
    assert min(decided(units, 0.7, bounds) for units in range(found, found + 40)) >= 0.8


def test_the_smallest_effect_of_a_share_is_exact() -> None:
    for bounds, side in ((Bounds(floor=0.4), 1), (Bounds(ceiling=0.6), -1)):
        effect = smallest_effect(Share(26, 26.0), bounds)
        assert effect is not None
        end = 0.4 if side == 1 else 0.6
        assert decided(26, end + side * effect, bounds) == pytest.approx(0.8, abs=1e-6)
    # Not even four heads of four coins tell from 1/2: 0.5⁴ > 2.5 %.
    assert smallest_effect(Share(4, 4.0), Bounds(floor=0.5)) is None


@pytest.mark.parametrize(
    ("estimate", "rule"),
    [
        (mean(SAMPLE[0]), SMOOTH), (difference(SAMPLE[0], SAMPLE[1]), SMOOTH),
        (correlation(SAMPLE[0], SAMPLE[1]), SMOOTH), (share(SAMPLE[0] > 0), SHARE),
        (worst(SAMPLE), BOUNDS), (largest(SAMPLE), BOUNDS), (best_of(SAMPLE), BOUNDS),
        (lead_of_first([0, 1, 2, 0, 0, 2], 2), BOUNDS),
        (smooth(0.1, LEFT_OUT.at(0), what="slope"), SMOOTH), (smallest(np.zeros(5), LEFT_OUT, what="r"), BOUNDS),
        (position(np.arange(5.0), np.arange(5.0), LEFT_OUT, what="peak"), BOUNDS),
    ],
)  # fmt: skip
def test_the_rule_is_told_by_the_method(estimate: Estimate, rule: str) -> None:
    assert rule_of(estimate.method) == rule


@pytest.mark.parametrize("sign", [1, -1])
def test_error_and_skewness_are_read_off_the_interval(sign: int) -> None:
    values = sign * np.exp(SAMPLE[2])
    found = mean(values)
    world = world_of(found.value, found.low, found.high, found.n, rule_of(found.method))
    n = len(values)
    unbiased = scipy.stats.skew(values, bias=False) / math.sqrt(n)
    assert isinstance(world, Scatter)
    assert world.below == pytest.approx(scipy.stats.sem(values), rel=1e-6)
    # The third cumulant is without bias, over the cube of the deviation: as in SciPy's adjusted skewness.
    assert world.skewness == pytest.approx(unbiased, rel=0.02)
    assert world.drawn


def test_sides_that_no_skewness_explains_are_taken_as_they_are() -> None:
    student = scipy.stats.t.isf(0.025, 19)
    world = world_of(0.0, -9.0, 1.0, 20, SMOOTH)
    assert isinstance(world, Scatter)
    assert (world.below, world.above, world.skewness) == pytest.approx((9 / student, 1 / student, 0.0))


def test_a_side_without_an_end_is_never_decided() -> None:
    for world in (world_of(1.0, -math.inf, 2.0, 20), world_of(0.5, 0.0, 0.7, 20, within=(0.0, 1.0))):
        assert needed(world, world.units and 0.5, Bounds(floor=0.1)) is None
        assert smallest_effect(world, Bounds(floor=0.1)) is None
        assert needed(world, 0.5, Bounds(ceiling=0.9)) is not None


def test_errors_lie_on_the_scale_of_the_range() -> None:
    # Symmetric on the logarithm: twice and half.
    world = world_of(1.0, 0.5, 2.0, 100, within=(0.0, math.inf))
    up, down = smallest_effect(world, Bounds(floor=3.0)), smallest_effect(world, Bounds(ceiling=3.0))
    assert up is not None
    assert down is not None
    assert (3 + up) / 3 == pytest.approx(3 / (3 - down), rel=0.02)


def test_clusters_count_for_as_many_trials_as_their_interval_says() -> None:
    value, trials = 0.4, 37.0
    low, high = exact_share(value * trials, trials)
    world = world_of(value, low, high, 12, SHARE)
    assert isinstance(world, Share)
    assert world.trials == pytest.approx(trials)


def test_a_test_has_the_error_that_its_p_tells() -> None:
    p = float(scipy.stats.t.sf(1.2, 24))
    world = of_test(0.6, p, 25)
    assert isinstance(world, Scatter)
    assert world.below == pytest.approx(0.5)


@pytest.mark.parametrize("value", [1.0, 1 - 1e-12, 0.0, 1e-12])
def test_shares_at_an_end_are_of_some_number_of_trials(value):
    """Half a billionth of a trial is none, on whichever side rounding puts it."""
    for width in np.linspace(0.05, 0.9, 60):
        ends = (value - width, value) if value > 0.5 else (value, value + width)
        assert world_of(value, *ends, units=1, rule=SHARE).trials > 0
