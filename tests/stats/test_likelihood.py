"""The width test: closed forms, and its level and power measured on simulated profiles."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from semphase.errors import SemphaseError
from semphase.stats.families import SHAPES, erf
from semphase.stats.fit import refit
from semphase.stats.likelihood import (
    BAND,
    INVERSE_ROOT_PI,
    LARGEST_DEVIATION,
    bootstrap_p,
    lag_one,
    noise,
    profile_interval,
    ratios,
    smallest_detectable,
    width_test,
)

CRITICAL = stats.chi2.ppf(0.95, 1)
NOISE = 0.05
SEEDS = st.integers(0, 2**32 - 1)


def axis(points: int) -> np.ndarray:
    return np.arange(points) / (points - 1)


def simulated(points: int, draws: int, *, seed: int, width: float = INVERSE_ROOT_PI) -> np.ndarray:
    errors = np.random.default_rng(seed).normal(0, NOISE, (draws, points))
    return erf(axis(points), width) + errors


def binomial_tolerance(rate: float, draws: int) -> float:
    """Four standard deviations of a measured rate: one false alarm in 16,000 runs."""
    return 4 * math.sqrt(rate * (1 - rate) / draws)


def exact_rate(points: int) -> float:
    """How often n ln(1 + F/(n−1)) exceeds the χ² quantile, F with 1 and n − 1 degrees of freedom."""
    critical = (points - 1) * math.expm1(CRITICAL / points)
    return float(stats.f.sf(critical, 1, points - 1))


def test_statistic_and_p_by_hand():
    x, g = axis(13), simulated(13, 1, seed=1)[0]
    test = width_test(x, g, draws=99)
    fixed = np.sum((g - erf(x, INVERSE_ROOT_PI)) ** 2)
    free = np.sum((g - erf(x, test.width)) ** 2)
    assert test.chi2 == pytest.approx(13 * math.log(fixed / free), rel=1e-9)
    assert test.p == pytest.approx(stats.chi2.sf(test.chi2, 1), rel=1e-12)
    assert (test.rss_fixed, test.rss_free) == (pytest.approx(fixed), pytest.approx(free))
    assert test.estimate().low <= test.width <= test.estimate().high
    assert test.chi2 == pytest.approx(ratios(x, g[None], INVERSE_ROOT_PI)[0], rel=1e-6)


@given(SEEDS)
@settings(max_examples=25, deadline=None)
def test_interval_ends_where_the_test_turns(seed):
    x, g = axis(13), simulated(13, 1, seed=seed)[0]
    test = width_test(x, g, draws=9)
    assert test.low < test.width < test.high
    for end in (test.low, test.high):
        assert width_test(x, g, fixed=end, draws=9).chi2 == pytest.approx(CRITICAL, rel=1e-6)
    assert (test.p > 0.05) == (test.low < INVERSE_ROOT_PI < test.high)
    # Two one-sided tests at 0.05 are the 90 % interval inside the band.
    low, high = profile_interval(x, g, test.width, 0.9)
    inside = low > (1 - BAND) * INVERSE_ROOT_PI and high < (1 + BAND) * INVERSE_ROOT_PI
    assert test.equivalent == inside


def test_interval_agrees_with_scipys_standard_error_where_the_model_is_linear():
    """With little noise the profile is a parabola: ends at ± se · √((n−1)(e^(χ²/n) − 1))."""
    x = axis(25)
    g = erf(x, 0.55) + np.random.default_rng(4).normal(0, 1e-5, 25)
    test = width_test(x, g, draws=9)
    params, covariance = optimize.curve_fit(erf, x, g, p0=[0.5])
    half = math.sqrt(covariance[0, 0] * 24 * math.expm1(CRITICAL / 25))
    assert test.width == pytest.approx(params[0], rel=1e-8)
    # Curvature and the optimiser's own 1e-8 against a half-width of about 1e-5.
    assert test.high - test.width == pytest.approx(half, rel=1e-2)
    assert test.width - test.low == pytest.approx(half, rel=1e-2)


@pytest.mark.parametrize("points", [13, 25])
def test_plain_chi_squared_is_liberal_by_the_documented_amount(points):
    """The docstring's 6.5 % and 5.7 %: the exact law of the statistic in the linear model, met here."""
    draws = 40_000
    rate = np.mean(ratios(axis(points), simulated(points, draws, seed=2), INVERSE_ROOT_PI) > CRITICAL)
    expected = exact_rate(points)
    assert expected == pytest.approx({13: 0.065, 25: 0.057}[points], abs=0.0006)
    # The width enters nearly linearly over its uncertainty; curvature moves the rate by less than 0.002.
    assert rate == pytest.approx(expected, abs=binomial_tolerance(expected, draws) + 0.002)
    assert rate > 0.05 + binomial_tolerance(0.05, draws) / 2


def rejections(points: int, correlation: float, runs: int, assumed: str) -> float:
    """How often p ≤ 0.05 on true nulls, with the noise assumed white or of the residuals' own correlation."""
    rng, x = np.random.default_rng(points), axis(points)
    profiles = erf(x, INVERSE_ROOT_PI) + noise(rng, (runs, points), NOISE, correlation)
    widths = refit(SHAPES["erf"], x, profiles).params["sigma"]
    residuals = profiles - erf(x, widths[:, None])
    rhos = [lag_one(residual) if assumed == "own" else 0.0 for residual in residuals]
    p = [bootstrap_p(x, g, INVERSE_ROOT_PI, rho, 99, rng) for g, rho in zip(profiles, rhos, strict=True)]
    return float(np.mean(np.array(p) <= 0.05))


@pytest.mark.slow
def test_bootstrap_p_keeps_its_level():
    """With 99 draws p ≤ 0.05 has probability 5/100 under the null, exactly."""
    runs = 1000
    assert rejections(13, 0.0, runs, "white") == pytest.approx(0.05, abs=binomial_tolerance(0.05, runs))


@pytest.mark.slow
@pytest.mark.parametrize("points", [13, 25])
def test_bootstrap_p_keeps_its_level_closely(points):
    runs = 8000
    assert rejections(points, 0.0, runs, "white") == pytest.approx(0.05, abs=binomial_tolerance(0.05, runs))


@pytest.mark.slow
def test_autocorrelated_p_is_nearer_its_level_under_correlated_noise():
    """With a correlation of 0.6 the white-noise test rejects far too often; AR(1) noise mends most of it."""
    runs = 600
    white, own = (rejections(25, 0.6, runs, assumed) for assumed in ("white", "own"))
    assert white > 0.05 + binomial_tolerance(0.05, runs)
    assert own - 0.05 < (white - 0.05) / 2


@pytest.mark.parametrize("points", [13, 25])
def test_smallest_detectable_is_found_in_four_of_five_simulations(points):
    draws = 20_000
    deviation = smallest_detectable(axis(points), NOISE**2)
    rates = [
        np.mean(
            ratios(
                axis(points),
                simulated(points, draws, seed=3, width=INVERSE_ROOT_PI * (1 + side * deviation)),
                INVERSE_ROOT_PI,
            )
            > CRITICAL
        )
        for side in (1, -1)
    ]
    # Exact in the linear model; the curvature of the erf moves it by less than 0.01 at these deviations.
    assert min(rates) == pytest.approx(0.8, abs=binomial_tolerance(0.8, draws) + 0.01)


@given(st.floats(1e-8, 1e4), st.floats(1.01, 10), st.integers(5, 60))
@settings(max_examples=50, deadline=None)
def test_smallest_detectable_grows_with_noise_and_is_a_number(variance, factor, points):
    first, second = (smallest_detectable(axis(points), v) for v in (variance, variance * factor))
    assert 0 < first <= second <= LARGEST_DEVIATION


def test_a_profile_without_noise():
    x = axis(25)
    exact = width_test(x, erf(x, INVERSE_ROOT_PI), draws=99)
    assert (exact.chi2, exact.p, exact.p_bootstrap, exact.equivalent) == (0.0, 1.0, 1.0, True)
    assert exact.autocorrelation == 0.0
    other = width_test(x, erf(x, 0.6), draws=99)
    assert other.width == pytest.approx(0.6, rel=1e-7)
    assert other.p_bootstrap == pytest.approx(1 / 100)
    assert 0 < other.p < 1e-50
    assert not other.equivalent


def test_a_profile_that_is_only_noise_gives_numbers():
    test = width_test(axis(13), np.random.default_rng(0).normal(0, 0.5, 13), draws=99)
    numbers = [getattr(test, name) for name in test.__dataclass_fields__]
    assert all(math.isfinite(number) for number in numbers)
    assert test.low <= test.width <= test.high


def test_lag_one_of_known_series():
    assert lag_one(np.array([1.0, -1.0, 1.0, -1.0])) == pytest.approx(-0.75)
    assert lag_one(np.zeros(5)) == 0.0
    series = noise(np.random.default_rng(0), (1, 100_000), 2.0, 0.6)[0]
    # Standard error of a correlation: sqrt((1 − ρ²)/n) = 0.0025; of the deviation about 0.3 %, correlated ×2.
    assert lag_one(series) == pytest.approx(0.6, abs=4 * 0.0025)
    assert series.std() == pytest.approx(2.0, rel=0.02)
    spread = noise(np.random.default_rng(0), (100_000, 9), 2.0, 0.6).std(axis=0)
    np.testing.assert_allclose(spread, 2.0, rtol=4 / math.sqrt(2 * 100_000))


def test_seeds_reproduce_and_the_global_state_is_untouched():
    before, own = np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    x, g = axis(13), simulated(13, 1, seed=8)[0]
    first, again, other = (width_test(x, g, draws=499, seed=seed) for seed in (5, 5, 6))
    assert first == again
    assert first.p_bootstrap != other.p_bootstrap or first.p_autocorrelated != other.p_autocorrelated
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    assert random.getstate() == own


def test_too_few_layers_are_refused():
    with pytest.raises(SemphaseError, match="deeper model"):
        width_test(np.array([1.0]), np.array([1.0]))
