"""Margins, falls and correlations along the last axis: known answers, SciPy, hypothesis properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from semphase.errors import SemphaseError
from semphase.science.cvfp.orderings import (
    correlation,
    differences,
    falls,
    leads_of,
    rank_correlation,
    within_rows,
)

NINE = arrays(float, (4, 9), elements=st.floats(-100, 100, width=32))


def test_leads_are_the_distances_to_every_rival():
    values = np.array([[3.0, 1.0, 2.5], [1.0, 2.0, 0.5]])
    np.testing.assert_array_equal(leads_of(values, 1), [[2.0, 1.5], [-1.0, -1.5]])


@given(NINE)
def test_the_smallest_alone_leads(values):
    leads = np.stack([leads_of(values, i).min(axis=-1) for i in range(9)], axis=-1)
    np.testing.assert_array_equal(leads >= 0, values == values.min(axis=-1, keepdims=True))
    assert ((leads > 0).sum(axis=-1) <= 1).all()


def test_one_number_has_no_rival():
    with pytest.raises(SemphaseError, match="rival"):
        leads_of(np.ones((2, 1)), 0)


def test_falls_go_from_one_item_to_the_next():
    np.testing.assert_array_equal(falls(np.array([[5.0, 3.0, 2.0], [9.0, 4.0, 4.25]])), [[2, 1], [5, -0.25]])


@given(NINE)
def test_the_largest_difference_is_the_range(values):
    assert differences(values).shape == (4, 72)
    np.testing.assert_array_equal(differences(values).max(axis=-1), np.ptp(values, axis=-1))


@given(NINE)
def test_correlations_are_those_of_scipy(values):
    other = np.array([1, 2, 3, 1, 2, 3, 1, 2, 3], dtype=float)
    for row, plain in zip(values, correlation(values, other), strict=True):
        if np.ptp(row) <= 1e-3 * np.abs(row).max():
            continue
        # Numbers that differ in their fourth digit keep twelve of sixteen.
        assert plain == pytest.approx(stats.pearsonr(row, other).statistic, abs=1e-10)


def test_what_does_not_vary_has_no_correlation():
    found = correlation(np.array([[0.1, 0.1, 0.1], [1.0, 2.0, 3.0]]), np.array([1.0, 2.0, 3.0]))
    assert np.isnan(found[0])
    assert found[1] == pytest.approx(1)


def test_means_of_rows_are_removed():
    values = np.array([[[1.0, 3.0], [10.0, 14.0]]])
    np.testing.assert_array_equal(within_rows(values), [[-1, 1, -2, 2]])


def test_rank_correlations_are_spearmans():
    x, y = np.random.default_rng(0).normal(size=(2, 5, 9)).round(1)
    expected = [stats.spearmanr(a, b).statistic for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(rank_correlation(x, y), expected)
    tokens = np.array([1.0, 2.0, 3.0] * 3)
    expected = [stats.spearmanr(a, tokens).statistic for a in x]
    np.testing.assert_allclose(rank_correlation(x, tokens), expected)
