"""Slopes of log time on log length: planted powers, and how often the interval covers them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semphase.errors import SemphaseError
from semphase.science.heads.scaling import log_slopes, median_log_slopes, slope_estimate

N = np.array([512, 1024, 2048, 4096, 8192])
# Logs of order ten, sums of five of them.
CLOSE = 1e-12


def planted(power: float, repeats: int = 5, factor: float = 1e-6) -> np.ndarray:
    return np.repeat(factor * N[:, None].astype(float) ** power, repeats, axis=1)


@given(st.floats(0, 3), st.floats(1e-9, 1e3))
def test_a_planted_power_is_recovered(power, factor):
    np.testing.assert_allclose(log_slopes(N, planted(power, factor=factor)), power, atol=CLOSE)


def test_each_slope_is_that_of_a_fitted_line():
    seconds = planted(1.3) * np.random.default_rng(1).lognormal(sigma=0.3, size=(5, 5))
    fitted = [np.polyfit(np.log(N), np.log(own), 1)[0] for own in seconds.T]
    np.testing.assert_allclose(log_slopes(N, seconds), fitted, atol=CLOSE)
    found = slope_estimate(N, seconds)
    assert found.value == pytest.approx(np.mean(fitted))
    assert (found.population, found.units) == (("repeats",), (5,))


def test_times_without_noise_say_nothing_of_others():
    found = slope_estimate(N, planted(2))
    assert found.value == pytest.approx(2)
    assert found.lacks == "repeats that are not all alike"


def test_one_busy_moment_widens_the_interval():
    quiet = planted(2, 9) * np.random.default_rng(0).lognormal(sigma=0.02, size=(5, 9))
    busy = quiet.copy()
    busy[1, 3] *= 100
    one, other = (slope_estimate(N, own) for own in (quiet, busy))
    assert other.low < other.value < other.high
    assert other.high - other.low > 10 * (one.high - one.low)


def test_noise_is_covered():
    rng, covered, runs = np.random.default_rng(3), 0, 400
    for _ in range(runs):
        found = slope_estimate(N, planted(1, repeats=9) * rng.lognormal(sigma=0.2, size=(5, 9)))
        covered += found.low <= 1 <= found.high
    # Four standard errors of 400 runs are 0.044.
    assert 0.906 <= covered / runs <= 1


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
        slope_estimate(n, seconds)


def test_one_length_that_is_off_moves_no_median_of_slopes():
    seconds = planted(1.5)
    seconds[0] *= 100
    np.testing.assert_allclose(median_log_slopes(N, seconds), 1.5, atol=CLOSE)
    assert abs(log_slopes(N, seconds) - 1.5).min() > 1
