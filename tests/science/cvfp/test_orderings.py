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
    lead_of_smallest,
    rank_correlation,
    smallest_fall,
    within_rows,
)

NINE = arrays(float, (4, 9), elements=st.floats(-100, 100, width=32))


def test_a_lead_is_the_distance_to_the_best_rival():
    values = np.array([[3.0, 1.0, 2.5], [1.0, 2.0, 0.5]])
    np.testing.assert_array_equal(lead_of_smallest(values, 1), [1.5, -1.5])


@given(NINE)
def test_the_smallest_alone_leads(values):
    leads = np.stack([lead_of_smallest(values, i) for i in range(9)], axis=-1)
    np.testing.assert_array_equal(leads >= 0, values == values.min(axis=-1, keepdims=True))
    assert ((leads > 0).sum(axis=-1) <= 1).all()


def test_one_number_has_no_rival():
    with pytest.raises(SemphaseError, match="rival"):
        lead_of_smallest(np.ones((2, 1)), 0)


def test_the_smallest_fall_is_negative_where_something_rises():
    falls = np.array([[5.0, 3.0, 2.0], [9.0, 4.0, 3.5]])
    assert smallest_fall(falls) == 0.5
    assert smallest_fall(np.array([[5.0, 3.0, 2.0], [9.0, 4.0, 4.25]])) == -0.25


@given(NINE)
def test_correlations_are_those_of_scipy(values):
    other = np.array([1, 2, 3, 1, 2, 3, 1, 2, 3], dtype=float)
    for row, rank, plain in zip(values, rank_correlation(values, other), correlation(values, other), strict=True):
        if np.ptp(row) <= 1e-3 * np.abs(row).max():
            continue
        assert rank == pytest.approx(stats.spearmanr(row, other).statistic, abs=1e-12)
        # Numbers that differ in their fourth digit keep twelve of sixteen.
        assert plain == pytest.approx(stats.pearsonr(row, other).statistic, abs=1e-10)


def test_what_does_not_vary_has_no_correlation():
    found = correlation(np.array([[0.1, 0.1, 0.1], [1.0, 2.0, 3.0]]), np.array([1.0, 2.0, 3.0]))
    assert np.isnan(found[0])
    assert found[1] == pytest.approx(1)


def test_ties_at_their_best_reach_the_known_bound():
    """Nine numbers in three tied groups: Spearman's correlation is at most √0.9."""
    found = rank_correlation(np.arange(9.0), np.repeat([1, 2, 3], 3))
    assert found == pytest.approx(np.sqrt(0.9))


def test_means_of_rows_are_removed():
    values = np.array([[[1.0, 3.0], [10.0, 14.0]]])
    np.testing.assert_array_equal(within_rows(values), [[-1, 1, -2, 2]])
