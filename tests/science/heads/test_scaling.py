"""Slopes of log time on log length: planted powers, and how often the interval covers them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semphase.errors import SemphaseError
from semphase.science.heads.scaling import log_slope, slope_estimate

N = np.array([512, 1024, 2048, 4096, 8192])
# Logs of order ten, sums of five of them.
CLOSE = 1e-12


def planted(power: float, repeats: int = 5, factor: float = 1e-6) -> np.ndarray:
    return np.repeat(factor * N[:, None].astype(float) ** power, repeats, axis=1)


@given(st.floats(0, 3), st.floats(1e-9, 1e3))
def test_a_planted_power_is_recovered(power, factor):
    assert log_slope(N, planted(power, factor=factor)) == pytest.approx(power, abs=CLOSE)


@pytest.mark.parametrize("power", [1, 2])
def test_times_without_noise_give_an_interval_without_width(power):
    found = slope_estimate(N, planted(power), 50, np.random.default_rng(0))
    assert (found.value, found.low, found.high) == pytest.approx((power,) * 3, abs=CLOSE)
    assert found.n == 25
    assert "bootstrap over the repeats at each length" in found.method


def test_the_slope_is_that_of_a_fitted_line():
    seconds = planted(1.3) * np.random.default_rng(1).lognormal(sigma=0.3, size=(5, 5))
    fitted = np.polyfit(np.log(N), np.log(np.median(seconds, axis=1)), 1)[0]
    assert log_slope(N, seconds) == pytest.approx(fitted, abs=CLOSE)


def test_one_busy_moment_changes_nothing():
    seconds = planted(2)
    seconds[:, 3] *= np.array([1, 40, 1, 7, 100])
    assert log_slope(N, seconds) == pytest.approx(2, abs=CLOSE)


def test_draws_are_those_of_a_slow_loop():
    seconds = planted(1) * np.random.default_rng(2).lognormal(sigma=0.2, size=(5, 5))
    found = slope_estimate(N, seconds, 2000, np.random.default_rng(0))
    rng, slow = np.random.default_rng(1), np.empty(2000)
    for draw in range(2000):
        medians = [np.median(rng.choice(row, size=5)) for row in seconds]
        slow[draw] = np.polyfit(np.log(N), np.log(medians), 1)[0]
    # Ends at 2.5 % of 2000 draws with a spread of 0.05: standard errors of about 0.003.
    np.testing.assert_allclose([found.low, found.high], np.percentile(slow, [2.5, 97.5]), atol=0.012)


def test_noise_is_covered():
    rng, covered, runs = np.random.default_rng(3), 0, 300
    for _ in range(runs):
        found = slope_estimate(N, planted(1, repeats=9) * rng.lognormal(sigma=0.2, size=(5, 9)), 300, rng)
        covered += found.low <= 1 <= found.high
    # The percentile interval of a median of nine is near its 95 %; four standard errors of 300 runs are 0.05.
    assert 0.90 <= covered / runs <= 1


@pytest.mark.parametrize(
    ("n", "seconds", "message"),
    [
        (np.array([512]), np.ones((1, 3)), "at least two lengths"),
        (N, planted(1) * 0, "positive lengths and times"),
        (N, planted(1, repeats=1), "at least two repeats"),
    ],
)
def test_times_without_a_slope_are_an_error(n, seconds, message):
    with pytest.raises(SemphaseError, match=message):
        slope_estimate(n, seconds, 10, np.random.default_rng(0))
