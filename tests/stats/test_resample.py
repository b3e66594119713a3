"""Intervals: agreement with SciPy and statsmodels, coverage on a known mean, behaviour at the edges."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from semphase.errors import SemphaseError
from semphase.stats.resample import batch_interval, mean_estimate, proportion

VALUES = np.random.default_rng(0).gamma(2.0, 1.0, 30)
OTHER = np.random.default_rng(1).gamma(3.0, 1.0, 12)
SEEDS = st.integers(0, 2**32 - 1)


def difference(first, second):
    return VALUES[first].mean() - OTHER[second].mean()


def interval(statistic, strata, **rest):
    """The interval of a statistic that takes one draw."""
    return batch_interval(
        lambda *drawn: np.array([statistic(*own) for own in zip(*drawn, strict=True)]), strata, **rest
    )


def test_agrees_with_scipy_on_values():
    ours = interval(difference, (30, 12), resamples=800, seed=3)
    theirs = stats.bootstrap(
        (VALUES, OTHER),
        lambda a, b, axis: a.mean(axis=axis) - b.mean(axis=axis),
        n_resamples=800,
        method="percentile",
        vectorized=True,
        rng=np.random.default_rng(3),
    ).confidence_interval
    assert (ours.low, ours.high) == (pytest.approx(theirs.low), pytest.approx(theirs.high))
    assert ours.value == pytest.approx(VALUES.mean() - OTHER.mean())
    assert ours.method == "percentile bootstrap of units, 800 resamples"
    assert ours.n == 42


def test_batch_and_single_statistics_give_the_same_interval():
    single = interval(difference, (30, 12), resamples=300, seed=5, over="words", unit="rad", n=7)
    batch = batch_interval(
        lambda a, b: VALUES[a].mean(axis=-1) - OTHER[b].mean(axis=-1),
        (30, 12),
        resamples=300,
        seed=5,
        over="words",
        unit="rad",
        n=7,
    )
    assert (single.low, single.high) == (pytest.approx(batch.low), pytest.approx(batch.high))
    assert (single.method, single.n, single.unit) == (batch.method, 7, "rad")
    assert "bootstrap of words" in single.method


def test_strata_are_resampled_independently_and_within_their_sizes():
    seen = []

    def spy(*indices):
        seen.append(tuple(index.copy() for index in indices))
        return 0.0

    interval(spy, (5, 5, 3), resamples=50)
    for indices in seen:
        assert [index.size for index in indices] == [5, 5, 3]
        assert all(np.issubdtype(index.dtype, np.integer) for index in indices)
        assert all(index.min() >= 0 and index.max() < index.size for index in indices)
    assert any((first != second).any() for first, second, _ in seen[1:])


@pytest.mark.parametrize(("n", "expected"), [(10, 0.90), (40, 0.94)])
def test_coverage_of_a_known_mean(n, expected):
    """The percentile interval of a normal mean behaves like ±1.96 s √((n−1)/n) / √n with a t variable."""
    runs = 600
    exact = 1 - 2 * stats.t.sf(stats.norm.ppf(0.975) * math.sqrt((n - 1) / n), n - 1)
    assert exact == pytest.approx(expected, abs=0.01)
    rng = np.random.default_rng(n)
    hits = 0
    for run in range(runs):
        found = mean_estimate(rng.normal(2.0, 1.0, n), resamples=400, seed=run)
        hits += found.low <= 2.0 <= found.high
    # Four binomial standard deviations, and 0.01 for the 400 resamples and the discreteness of the draws.
    assert hits / runs == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / runs) + 0.01)


@given(arrays.arrays(float, st.integers(2, 20), elements=st.floats(-1e6, 1e6)), SEEDS)
@settings(max_examples=60, deadline=None)
def test_interval_holds_the_value_and_repeats(values, seed):
    found = interval(lambda index: float(values[index].max()), (values.size,), resamples=60, seed=seed)
    assert found.low <= found.value <= found.high
    assert found == interval(lambda index: float(values[index].max()), (values.size,), resamples=60, seed=seed)


def test_extension_is_told_exactly_when_it_happens():
    index_free = interval(lambda index: float(VALUES[index].mean()), (30,), value=99.0, seed=1)
    assert index_free.method.endswith(", extended to the value")
    assert index_free.high == 99.0
    plain = interval(lambda index: float(VALUES[index].mean()), (30,), seed=1)
    assert "extended" not in plain.method
    assert index_free.low == plain.low
    # Resampling can only lower the number of distinct units: the value lies above all replicates.
    distinct = interval(lambda index: float(np.unique(index).size), (30,), seed=1)
    assert distinct.high == distinct.value == 30.0
    assert distinct.method.endswith("extended to the value")


def test_a_statistic_that_never_varies_gives_a_point():
    for constant in (0.0, 0.1, -3.0):
        found = mean_estimate(np.full(7, constant))
        assert found.low == found.value == found.high
        assert "extended" not in found.method


def test_rare_non_finite_replicates_are_left_out_and_told():
    def fragile(index):
        return math.nan if (index[:2] == 0).all() else float(VALUES[index].mean())

    found = interval(fragile, (8,), resamples=2000, seed=2)
    assert " without a finite value left out" in found.method
    assert math.isfinite(found.low)


def test_many_non_finite_replicates_are_an_error():
    with pytest.raises(SemphaseError, match=r"the interval of the slope could not be made: \d+ of 200"):
        interval(lambda index: math.inf if index[0] > 2 else 1.0, (8,), resamples=200, name="the slope")
    with pytest.raises(SemphaseError, match="its value is nan"):
        interval(lambda index: math.nan, (8,), resamples=10)


@pytest.mark.parametrize("strata", [(), (1,), (5, 1)])
def test_a_stratum_of_one_has_no_interval(strata):
    with pytest.raises(SemphaseError, match="at least two words"):
        interval(lambda *indices: 0.0, strata, over="words")


@given(st.integers(0, 200), st.integers(1, 200), st.sampled_from([0.9, 0.95, 0.99]))
def test_proportion_agrees_with_statsmodels_and_wilsons_formula(successes, n, level):
    successes = min(successes, n)
    found = proportion(successes, n, level=level)
    low, high = proportion_confint(successes, n, alpha=1 - level, method="wilson")
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-12), pytest.approx(high, abs=1e-12))
    z, p = stats.norm.ppf(0.5 + level / 2), successes / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    assert (found.low + found.high) / 2 == pytest.approx(centre, abs=1e-9)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.low < found.high


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (3, 2), (-1, 4)])
def test_an_impossible_proportion_is_refused(successes, n):
    with pytest.raises(SemphaseError, match="make no proportion"):
        proportion(successes, n)


def test_the_global_random_state_is_untouched():
    before, own = np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    interval(difference, (30, 12), resamples=100)
    mean_estimate(VALUES, resamples=100)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    assert random.getstate() == own


def test_seeds_matter():
    first, second = (mean_estimate(VALUES, resamples=100, seed=seed) for seed in (1, 2))
    assert first.value == second.value
    assert (first.low, first.high) != (second.low, second.high)
