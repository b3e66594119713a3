"""The rule of intervals: bounds and p-values agree, scales go there and back, factors add up."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from semphase.errors import SemphaseError
from semphase.stats.pivot import pivot
from semphase.stats.scale import CORRELATION, POSITIVE, UNBOUNDED, Scale

SEEDS = st.integers(0, 2**32 - 1)
SCALES = (UNBOUNDED, POSITIVE, CORRELATION, Scale(high=2.0), Scale(0.5, 3.0))


@given(st.sampled_from(SCALES), st.floats(-6, 6))
def test_scales_go_there_and_back(scale, z):
    value = scale.back(z)
    assert scale.low < value < scale.high
    assert scale.to(value) == pytest.approx(z, rel=1e-6, abs=1e-6)


def test_scales_keep_the_order_and_end_at_the_range():
    for scale in SCALES:
        values = scale.back(np.linspace(-6, 6, 20))
        assert (np.diff(values) > 0).all()
        assert (scale.to(scale.low), scale.to(scale.high)) == (-math.inf, math.inf)
    assert CORRELATION.to(0.6) == pytest.approx(2 * np.arctanh(0.6))
    with pytest.raises(SemphaseError, match="cannot lie between 2 and 1"):
        Scale(2, 1)


@given(SEEDS, st.sampled_from([POSITIVE, UNBOUNDED]), st.floats(1e-4, 0.4))
def test_a_bound_is_where_its_p_value_is_the_tail(seed, scale, tail):
    deviations = np.random.default_rng(seed).exponential(size=(3, 11))
    made = pivot(np.array([0.7, 1.0, 1.9]), deviations, scale=scale)
    for bound, p in ((made.low(tail), made.p_above), (made.high(tail), made.p_below)):
        np.testing.assert_allclose([p(own)[i] for i, own in enumerate(bound)], tail, rtol=1e-6)


@given(SEEDS)
def test_symmetric_deviations_have_students_interval(seed):
    half = np.random.default_rng(seed).normal(size=8)
    values = np.concatenate([half, -half])
    made = pivot(0.0, values)
    theirs = stats.ttest_1samp(values, 0)
    np.testing.assert_allclose([made.low(), made.high()], theirs.confidence_interval(0.95), rtol=1e-9)
    assert made.p_above(-0.3) == pytest.approx(stats.ttest_1samp(values, -0.3, alternative="greater").pvalue)


def test_factors_add_their_variances_with_welchs_freedom():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=7), 3 * rng.normal(size=5)
    made, theirs = pivot(a.mean() - b.mean(), a, -b), stats.ttest_ind(a, b, equal_var=False)
    assert float(made.freedom) == pytest.approx(theirs.df)
    assert float(made.value / made.error) == pytest.approx(theirs.statistic)


def test_the_longer_tail_has_the_farther_end():
    skewed = np.random.default_rng(1).exponential(size=15)
    made = pivot(skewed.mean(), skewed)
    assert made.high() - made.value > 1.2 * (made.value - made.low())
    mirrored = pivot(-skewed.mean(), -skewed)
    np.testing.assert_allclose([mirrored.low(), mirrored.high()], [-made.high(), -made.low()])


def test_two_units_have_students_interval():
    made = pivot(0.5, np.array([0.0, 1.0]))
    assert made.high() == pytest.approx(0.5 + stats.t.ppf(0.975, 1) * 0.5)


def test_no_bound_lies_at_an_end_of_the_range():
    logs = np.random.default_rng(1).normal(size=20) ** 3
    for deviations in (logs, -logs):
        made = pivot(1.0, deviations, scale=POSITIVE)
        assert [float(made.p_above(bound)) for bound in (-1.0, 0.0)] == [0, 0]
        assert [float(made.p_below(bound)) for bound in (-1.0, 0.0)] == [1, 1]
        made = pivot(0.5, deviations, scale=CORRELATION)
        assert (float(made.p_above(1.0)), float(made.p_below(1.0))) == (1, 0)
