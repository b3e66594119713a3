"""Scaling laws: planted exponents, statsmodels' line, a planted floor, coverage of α."""

from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import curve_fit

from semphase.errors import SemphaseError
from semphase.science.cvfp.power_laws import (
    aicc,
    power_laws,
    reduction_by_doubling,
    saturation,
    unlogged_power_laws,
)
from semphase.science.cvfp.trainings import per_token

TOKENS = np.array([62_891, 122_795, 240_132, 587_970])
LOG_N = np.log(TOKENS)
PUBLISHED = np.array([[683.9, 415.8, 294.5, 198.2], [591.3, 400.3, 295.1, 189.4]])
"""Validation PPL of 1L_768d_1tok and 1L_768d_2tok (003)."""
# Logs of order ten times exponents of order one, sums of four.
CLOSE = 1e-12


@given(st.floats(-1.5, -0.01), st.floats(1.0, 20.0))
def test_a_planted_power_is_recovered(alpha, log_a):
    found = power_laws(TOKENS, log_a + alpha * LOG_N)
    assert found.alpha == pytest.approx(alpha, abs=CLOSE)
    assert found.log_a == pytest.approx(log_a, abs=20 * CLOSE)
    assert found.r2 == pytest.approx(1, abs=1e-9)


@given(st.lists(st.floats(1.0, 9.0), min_size=4, max_size=4), st.floats(0.1, 10), st.floats(-3, 3))
def test_scaling_perplexity_changes_a_alone(logs, factor, shift):
    one, other = (power_laws(TOKENS, np.array(logs) + s) for s in (0.0, shift))
    assert one.alpha == pytest.approx(other.alpha, abs=1e-10)
    assert other.log_a - one.log_a == pytest.approx(shift, abs=1e-9)


def test_the_line_is_that_of_statsmodels():
    logs = np.random.default_rng(0).normal(6, 0.4, size=(5, 2, 4))
    found = power_laws(TOKENS, logs)
    for cell in np.ndindex(5, 2):
        line = sm.OLS(logs[cell], sm.add_constant(LOG_N)).fit()
        assert found.log_a[cell] == pytest.approx(line.params[0], abs=1e-9)
        assert found.alpha[cell] == pytest.approx(line.params[1], abs=CLOSE)
        assert found.r2[cell] == pytest.approx(line.rsquared, abs=1e-9)


def test_published_runs_give_the_published_laws():
    found = power_laws(TOKENS, np.log(PUBLISHED))
    # The source prints α to three or four digits, A to three, R² to three.
    np.testing.assert_allclose(found.alpha, [-0.546, -0.5035], atol=6e-4)
    np.testing.assert_allclose(np.exp(found.log_a), [2.67e5, 1.51e5], rtol=5e-3)
    np.testing.assert_allclose(found.r2, [0.984, 0.998], atol=1e-3)


def test_a_constant_has_no_law_to_explain():
    found = power_laws(TOKENS, np.full(4, 3.0))
    assert (found.alpha, found.r2) == (pytest.approx(0, abs=CLOSE), 0)


def test_one_size_has_no_slope():
    with pytest.raises(SemphaseError, match="at least two sizes"):
        power_laws(np.array([5, 5]), np.ones(2))


def test_doubling():
    assert reduction_by_doubling(-1.0) == 0.5
    assert reduction_by_doubling(-0.459) == pytest.approx(0.2725, abs=5e-5)  # "about 27 %" (004)


@pytest.mark.parametrize("floor", [20.0, 150.0])
def test_a_planted_floor_is_found_and_preferred(floor):
    logs = np.log(floor + np.exp(12.0) * TOKENS.astype(float) ** -0.5)
    noise = 1e-3 * np.random.default_rng(1).normal(size=(4, 3))
    found = saturation(TOKENS, logs[:, None] + noise)
    assert found.floor == pytest.approx(floor, rel=0.2)
    assert found.alpha == pytest.approx(-0.5, abs=0.05)
    assert found.bic < found.bic_of_power_law - 10
    assert found.aicc < found.aicc_of_power_law - 10
    assert found.points == 12


def test_without_a_floor_the_power_law_is_preferred():
    logs = 12.0 - 0.5 * LOG_N[:, None] + 1e-2 * np.random.default_rng(0).normal(size=(4, 3))
    found = saturation(TOKENS, logs)
    # A parameter that is not needed costs at most ln 12 and gains some noise.
    assert 0 <= found.bic - found.bic_of_power_law <= math.log(12) + 1e-9
    assert found.aicc > found.aicc_of_power_law


def test_an_exact_power_law_is_not_worse_fitted_by_its_rival():
    found = saturation(TOKENS, (12.0 - 0.5 * LOG_N)[:, None])
    assert found.bic - found.bic_of_power_law == pytest.approx(math.log(4), abs=1e-6)


def test_four_points_have_no_corrected_criterion():
    found = saturation(TOKENS, np.log(PUBLISHED[:1]).T)
    assert (found.points, found.aicc, found.aicc_of_power_law) == (4, None, None)


def test_the_corrected_criterion_by_hand():
    # n ln(RSS/n) = 10 ln 0.2, 2k = 6, 2k(k+1)/(n−k−1) = 24/6.
    assert aicc(2.0, 10, 3) == pytest.approx(10 * math.log(0.2) + 6 + 4)


def test_a_planted_exponent_is_covered():
    rng, covered, runs = np.random.default_rng(2), 0, 300
    tokens, truth = np.array([2000, 4000, 8000, 20000]), -0.4
    for _ in range(runs):
        documents = 0.3 * rng.normal(size=50) + 0.1 * rng.normal(size=(4, 1, 50))
        nats = 8 + truth * np.log(tokens)[:, None, None] + documents + 0.01 * rng.normal(size=(4, 4, 1))
        made = per_token(nats, np.ones_like(nats))
        alpha = made.of(lambda x: power_laws(tokens, x).alpha).smooth("exponent")
        covered += alpha.low <= truth <= alpha.high
    # 95 % promised; four standard errors of 300 runs are 5 points.
    assert 0.90 <= covered / runs <= 1


@given(st.floats(-1.5, -0.01), st.floats(1.0, 20.0))
def test_a_planted_power_is_recovered_from_perplexities_themselves(alpha, log_a):
    found = unlogged_power_laws(TOKENS, log_a + alpha * LOG_N)
    assert found.alpha == pytest.approx(alpha, abs=1e-6)
    assert found.log_a == pytest.approx(log_a, abs=2e-5)
    assert found.r2 == pytest.approx(1, abs=1e-9)


def test_the_fit_of_perplexities_is_that_of_scipy():
    logs = np.log(PUBLISHED)
    found = unlogged_power_laws(TOKENS, logs)
    for cell, ppl in enumerate(PUBLISHED):
        (a, alpha), _ = curve_fit(lambda x, a, alpha: a * np.exp(alpha * x), LOG_N - LOG_N[0], ppl, p0=(ppl[0], -0.5))
        rest = ppl - a * np.exp(alpha * (LOG_N - LOG_N[0]))
        assert found.alpha[cell] == pytest.approx(alpha, abs=1e-5)
        assert found.log_a[cell] == pytest.approx(np.log(a) - alpha * LOG_N[0], abs=1e-4)
        assert found.r2[cell] == pytest.approx(1 - (rest @ rest) / ((ppl - ppl.mean()) @ (ppl - ppl.mean())), abs=1e-6)
    assert (np.abs(found.alpha - power_laws(TOKENS, logs).alpha) > 1e-3).all()


def test_constant_perplexities_have_no_law_to_explain():
    found = unlogged_power_laws(TOKENS, np.full(4, 3.0))
    assert (found.alpha, found.r2) == (pytest.approx(0, abs=1e-6), 0)
