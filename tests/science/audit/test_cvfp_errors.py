"""Errors of exponents: against statsmodels and SciPy, and worlds in which the sentences hold and in which they do not."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from printed_tables import planted
from scipy import stats

from semphase.science.audit import cvfp_errors
from semphase.science.audit.cvfp_errors import Layout, layout, least_difference, studentised_range
from semphase.science.audit.cvfp_own_errors import line, own_errors, p_of_difference
from semphase.science.audit.published import load
from semphase.science.audit.rounding import around, weigh

DOCUMENT = load("003")
NAMES = layout(DOCUMENT).names
SIZES = np.array([62_891.0, 122_795.0, 240_132.0, 587_970.0])
seeds = st.integers(0, 2**32 - 1)


def world(alphas, levels=None, noise=0.0, shift=(0.0, 0.0, 0.0, 0.0), seed=0):
    """The 36 runs with these exponents [configuration], log factors, noise, and log shifts [size] common to all."""
    levels = np.zeros(9) if levels is None else np.asarray(levels)
    logs = 12 + levels[:, None] + np.outer(alphas, np.log(SIZES)) + np.asarray(shift)
    logs = logs + np.random.default_rng(seed).normal(0, noise, logs.shape)
    return planted(DOCUMENT, "runs", "ppl", np.exp(logs).ravel())


def test_the_studentised_range_is_that_of_printed_tables():
    # Kutner et al. 2005, table B.9: q(0.95; 9, 16) = 5.03, q(0.95; 3, 16) = 3.65.
    assert studentised_range(9, 16) == pytest.approx(5.03, abs=0.005)
    assert studentised_range(3, 16) == pytest.approx(3.65, abs=0.005)


@settings(max_examples=10)
@given(seeds)
def test_the_layout_is_a_regression_on_configuration_size_and_slopes(seed):
    logs = np.random.default_rng(seed).normal(6, 0.3, (9, 4))
    made = layout(planted(DOCUMENT, "runs", "ppl", np.exp(logs).ravel()))
    # Intercepts and slopes of configurations take up two of the four effects of sizes.
    rows, columns = np.eye(9), np.eye(4)[:, 1:3]
    x = made.sizes
    design = np.vstack([np.concatenate([rows[i], columns[j], rows[i] * x[j]]) for i in range(9) for j in range(4)])
    fit = sm.OLS(logs.ravel(), design).fit()
    assert made.freedom == 36 - np.linalg.matrix_rank(design) == 16
    assert float(made.deviation().value) ** 2 * 16 == pytest.approx(fit.ssr)
    slope = stats.linregress(np.log(SIZES), logs[3]).slope
    assert float(weigh(made.slope(NAMES[3]), made.logs).value) == pytest.approx(slope)
    # The standard error of a difference of two slopes, which Tukey's range is divided by √2 for.
    contrast = np.concatenate([np.zeros(11), rows[3] - rows[5]])
    error = float(fit.t_test(contrast).sd.squeeze())
    least = least_difference(made, made.slope(NAMES[3]), 9)
    assert float(least.value) == pytest.approx(studentised_range(9, 16) * error / np.sqrt(2))


@given(seeds)
def test_bounds_hold_what_was_rounded_away(seed):
    rng = np.random.default_rng(seed)
    printed = rng.uniform(200, 700, 36)
    rounded = layout(planted(DOCUMENT, "runs", "ppl", printed, half=0.05)).deviation()
    behind = layout(planted(DOCUMENT, "runs", "ppl", printed + rng.uniform(-0.05, 0.05, 36))).deviation()
    assert rounded.low <= behind.value <= rounded.high


def test_what_a_size_does_to_all_is_no_error():
    alphas = np.linspace(-0.46, -0.54, 9)
    plain = cvfp_errors.exponents_differ(world(alphas, noise=0.01)).number.value
    shifted = cvfp_errors.exponents_differ(world(alphas, noise=0.01, shift=(0.3, 0, -0.2, 0.1))).number.value
    assert shifted == pytest.approx(plain)


def test_equal_exponents_differ_in_one_world_of_twenty():
    rng, found = np.random.default_rng(0), []
    x = np.log(SIZES) - np.log(SIZES).mean()
    for _ in range(2000):
        made = Layout(NAMES, around(rng.normal(size=36), 0.0), x)
        slopes = np.array([weigh(made.slope(name), made.logs).value for name in NAMES])
        found.append(np.ptp(slopes) > least_difference(made, made.slope(NAMES[0]), 9).value)
    assert stats.binomtest(sum(found), len(found), 0.05).pvalue > 0.001


STEEP = np.where(np.array(NAMES) == "1L_768d_1tok", -0.60, -0.50)
FLAT_TWO = np.array([-0.45 if "2L_" in name else -0.55 for name in NAMES])
STEEP_TOKENS = np.array([-0.45 if "_1tok" in name else -0.55 for name in NAMES])
BEST = np.where(np.array(NAMES) == "1L_768d_2tok", -0.5, 0.0)
SAME = np.full(9, -0.5)


@pytest.mark.parametrize(
    ("check", "true", "levels"),
    [
        (cvfp_errors.steepest, STEEP, None),
        (cvfp_errors.flattest_depth, FLAT_TWO, None),
        (cvfp_errors.tokens_steepen, STEEP_TOKENS, None),
        (cvfp_errors.best_ppl, SAME, BEST),
    ],
)
def test_sentences_hold_beyond_error_where_they_are_planted_and_nowhere_else(check, true, levels):
    held = check(world(true, levels, noise=0.005))
    assert held.estimate().value == 0
    noisy = check(world(true, levels, noise=0.5))
    assert noisy.estimate().value > 0
    none = check(world(SAME, noise=0.005))
    assert none.estimate().value == len(none.each)
    assert all("can be told from 0" in own.found for own in none.each)


def test_exponents_differ_where_they_are_planted_to():
    assert cvfp_errors.exponents_differ(world(STEEP, noise=0.005)).number.low > 1
    # This draw of noise is one of the nineteen.
    assert cvfp_errors.exponents_differ(world(SAME, noise=0.005)).number.high < 1
    assert cvfp_errors.exponents_differ(world(STEEP, noise=0.005)).detail()["pairs told apart"] == 8


@given(seeds)
def test_a_line_of_its_own_is_that_of_statsmodels(seed):
    rng = np.random.default_rng(seed)
    ppl = 2e5 * SIZES**-0.5 * rng.lognormal(sigma=0.05, size=4)
    fit = sm.OLS(np.log(ppl), sm.add_constant(np.log(SIZES))).fit()
    own = line(SIZES, ppl)
    assert (own.slope, own.error, own.freedom) == pytest.approx((fit.params[1], fit.bse[1], fit.df_resid))
    assert own.interval == pytest.approx(fit.conf_int()[1])


def test_two_lines_are_compared_by_welch():
    one, other = (line(SIZES, 2e5 * SIZES**-0.5 * np.exp(noise)) for noise in ([0, 0.1, 0, 0], [0, 0, 0.02, 0.05]))
    # Three values have two degrees of freedom and a mean's error of s/√3.
    arguments = [value for own in (one, other) for value in (own.slope, own.error * np.sqrt(3), 3)]
    welch = stats.ttest_ind_from_stats(*arguments, equal_var=False)
    assert p_of_difference(one, other) == pytest.approx(welch.pvalue)


def test_own_lines_tell_planted_exponents_apart_and_equal_ones_not():
    assert own_errors(world(STEEP, noise=1e-5))["pairs told apart, Holm"] == 8
    assert own_errors(world(SAME, noise=0.005))["pairs told apart, Holm"] == 0
