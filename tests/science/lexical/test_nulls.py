"""Random rising curves: what they are, and how well they correlate by chance."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from semphase.science.lexical.nulls import random_rising_curves, share_above, smallest_correlation


@given(st.integers(2, 6), st.integers(2, 30), st.integers(1, 5), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_curves_rise_from_zero_and_repeat(words, layers, draws, seed):
    curves = random_rising_curves(words, layers, draws, seed)
    assert curves.shape == (draws, words, layers + 1)
    assert (curves[..., 0] == 0).all()
    assert (np.diff(curves) >= 0).all()
    np.testing.assert_array_equal(curves, random_rising_curves(words, layers, draws, seed))


def test_given_their_end_curves_are_ordered_uniform_numbers():
    middle = random_rising_curves(1, 2, 4000, 0)[:, 0]
    assert stats.kstest(middle[:, 1] / middle[:, 2], "uniform").pvalue > 1e-4


def test_smallest_correlation_agrees_with_scipy():
    curves = random_rising_curves(5, 12, 3, 7)
    for draw, found in zip(curves, smallest_correlation(curves), strict=True):
        pairs = [stats.pearsonr(a, b).statistic for a, b in itertools.combinations(draw, 2)]
        assert found == pytest.approx(min(pairs), abs=1e-12)


def test_a_flat_curve_correlates_with_nothing():
    curves = np.stack([np.zeros(5), np.arange(5.0)])
    assert smallest_correlation(curves) == 0.0


def test_a_third_of_random_curves_pass_the_published_level():
    """001 calls f universal at r > 0.96; of random fours over 24 layers a third pass."""
    found = share_above(0.96, words=4, layers=24, draws=4000)
    assert found.low < 0.36 < found.high
    assert share_above(0.9, words=4, layers=24, draws=500).value > 0.9
    assert share_above(0.96, words=4, layers=12, draws=500).value < 0.1
