"""ε² between groups: known values, agreement of interval and p, and groups that do not differ."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from semphase.errors import SemphaseError
from semphase.stats.level import TAIL
from semphase.stats.ranked import analysis_of_variance, epsilon_squared, normal_scores, trend

SEEDS = st.integers(0, 2**32 - 1)


def grouped(groups: int, each: int, spread: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(groups), each)
    return rng.normal(size=groups * each) + spread * rng.normal(size=groups)[labels], labels


def test_normal_scores_are_quantiles_at_ranks() -> None:
    np.testing.assert_allclose(normal_scores(np.array([3.0, -1, 10])), stats.norm.ppf([0.5, 0.25, 0.75]))
    np.testing.assert_allclose(normal_scores(np.array([1.0, 1, 5]))[:2], stats.norm.ppf(1.5 / 4))


def test_the_value_is_kelleys_and_p_is_kruskal_and_walliss() -> None:
    values, labels = grouped(6, 9, 1.0)
    found, p = epsilon_squared(values, labels)
    rows = normal_scores(values).reshape(6, 9)
    assert found.value == pytest.approx(1 - rows.var(axis=1, ddof=1).mean() / rows.var(ddof=1))
    assert p == stats.kruskal(*values.reshape(6, 9)).pvalue
    assert (found.population, found.units, found.n) == (("heads",), (54,), 54)
    assert 0 < found.low < found.value < found.high < 1


@settings(max_examples=20)
@given(SEEDS, st.floats(0.5, 2))
def test_interval_and_p_agree(seed: int, spread: float) -> None:
    values, labels = grouped(12, 4, spread, seed)
    found, _ = epsilon_squared(values, labels)
    if found.low > 0:
        assert found.p_above(found.low) == pytest.approx(TAIL, rel=1e-3)
    if found.value > 0:
        assert found.p_below(found.high) == pytest.approx(TAIL, rel=1e-3)
    assert 0 <= found.low <= found.value < found.high < 1
    assert found.p_above(0) > 0


def test_the_p_of_no_difference_is_that_of_f_on_normal_scores() -> None:
    values, labels = grouped(12, 4, 0.4)
    found, _ = epsilon_squared(values, labels)
    assert found.p_above(0) == pytest.approx(stats.f_oneway(*normal_scores(values).reshape(12, 4)).pvalue, rel=1e-3)


@pytest.mark.parametrize(("groups", "each"), [(30, 9), (12, 4), (3, 2)])
def test_groups_that_do_not_differ_are_seldom_told_apart(groups: int, each: int) -> None:
    found = [epsilon_squared(*grouped(groups, each, 0.0, seed))[0] for seed in range(400)]
    # Of 400 at 2.5 %, 20 come out in 1 of 1,000 repetitions.
    assert sum(own.low > 0 for own in found) <= 20
    assert min(own.high for own in found) > 0


def test_order_of_units_and_names_of_groups_do_not_matter() -> None:
    values, labels = grouped(5, 6, 1.0)
    order = np.random.default_rng(1).permutation(30)
    names = np.array(list("edcba"))[labels]
    one, other = epsilon_squared(values, labels), epsilon_squared(values[order], names[order])
    assert (one[0].low, one[0].value, one[1]) == pytest.approx((other[0].low, other[0].value, other[1]))


def test_groups_apart_at_any_distance_are_alike() -> None:
    values, labels = grouped(4, 5, 0.0)
    near, far = (epsilon_squared(values + gap * labels, labels)[0] for gap in (100, 1e9))
    assert near.value == far.value
    assert near.low == far.low > 0.5


def test_what_leaves_nothing_to_compare() -> None:
    found, p = epsilon_squared(np.ones(12), np.repeat(np.arange(3), 4))
    assert (found.low, found.high, p) == (0, 1, 1.0)
    assert found.lacks == "heads that differ inside of a group"
    with pytest.raises(SemphaseError, match="leave nothing to compare"):
        epsilon_squared(np.arange(4.0), np.arange(4))
    with pytest.raises(SemphaseError, match="one label for each"):
        epsilon_squared(np.arange(4.0), np.arange(3))
    assert epsilon_squared([1, 2, 3, 4], [0, 0, 1, 1])[0].lacks == "6 heads at least"


def test_analysis_of_variance_is_of_the_values_themselves() -> None:
    values, labels = grouped(6, 9, 1.0)
    found, p = analysis_of_variance(values, labels)
    rows = values.reshape(6, 9)
    assert found.value == pytest.approx(1 - rows.var(axis=1, ddof=1).mean() / rows.var(ddof=1))
    assert p == pytest.approx(stats.f_oneway(*rows).pvalue)


def test_a_trend_is_the_line_of_normal_scores_over_the_groups() -> None:
    values, labels = grouped(6, 9, 0.5)
    found, p = trend(values + 0.3 * labels, labels)
    line = stats.linregress(labels, normal_scores(values + 0.3 * labels))
    assert found.value == pytest.approx(1 - (1 - line.rvalue**2) * 53 / 52)
    assert p == pytest.approx(line.pvalue)
    assert 0 <= found.low < found.value < found.high < 1


def test_what_rises_and_falls_has_no_trend() -> None:
    values, labels = grouped(7, 6, 0.0)
    tent = values - values + np.minimum(labels, labels[::-1]) + 1e-3 * np.tile(values[:6], 7)
    assert trend(tent, labels)[0].value < 0.01
    assert epsilon_squared(tent, labels)[0].value > 0.8
