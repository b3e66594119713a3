"""Spearman's correlation with a known order: its bounds against all orders that the pairs allow, and in worlds."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy

from semphase.errors import Undefined
from semphase.stats.left_out import Factor, smooth
from semphase.stats.orders import smallest_spearman, spearman, spearman_bounds


def means(units: np.ndarray) -> tuple[np.ndarray, Factor]:
    """Means of [*row, unit] and the same without each unit."""
    n = units.shape[-1]
    without = (units.sum(axis=-1, keepdims=True) - units) / (n - 1)
    return units.mean(axis=-1), Factor("text", without)


def world(truth: np.ndarray, noise: float, n: int = 8, seed: int = 0) -> tuple[np.ndarray, Factor]:
    return means(truth[..., None] + noise * np.random.default_rng(seed).normal(size=(*truth.shape, n)))


def test_rows_far_apart_leave_half_a_step():
    values, factor = world(np.arange(6.0), 1e-6)
    found = spearman(values, np.arange(6), factor)
    step = 12 / (6 * 35)
    assert (found.value, found.high) == (pytest.approx(1.0), 1.0)
    assert found.low == pytest.approx(1 - step / 2)
    assert (found.population, found.units, found.lacks) == (("text",), (8,), "")
    assert 0 < found.p_above(0.8) < 1e-6


def test_rows_that_nothing_tells_apart_leave_every_order():
    values, factor = world(np.zeros(5), 1.0, seed=1)
    found = spearman(values, np.arange(5), factor)
    assert (found.low, found.high) == (-1.0, 1.0)
    assert found.p_above(0.0) == 1.0


@pytest.mark.parametrize("seed", range(5))
def test_bounds_hold_every_order_that_the_decided_pairs_allow(seed):
    order, tail = np.arange(5), 0.025
    values, factor = world(2 * np.random.default_rng(seed).normal(size=5).cumsum(), 1.0, seed=seed)
    (low,), (high,) = spearman_bounds(values[None], order, Factor("text", factor.without[None]))(tail)
    reversals = set()
    for i, j in itertools.combinations(range(5), 2):
        apart = smooth(values[j] - values[i], Factor("text", factor.without[j] - factor.without[i]), what="apart")
        if apart.p_above(0.0) <= tail / 10:
            reversals.add((j, i))
        elif apart.p_below(0.0) <= tail / 10:
            reversals.add((i, j))
    allowed = [
        scipy.stats.spearmanr(order, ranks).statistic
        for ranks in itertools.permutations(range(5))
        if not any(ranks[i] < ranks[j] for i, j in reversals)
    ]
    assert low <= min(allowed) + 1e-12
    assert high >= max(allowed) - 1e-12
    # Pairs may contradict each other, so that bounds can be a little wider than the orders need.
    assert min(allowed) - low < 0.5
    assert high - max(allowed) < 0.5


def test_worlds_are_covered():
    rng, truth, missed, worlds = np.random.default_rng(1), np.array([0.0, 0.3, 0.2, 0.9, 1.0, 2.0]), 0, 300
    wanted = scipy.stats.spearmanr(np.arange(6), truth).statistic
    for _ in range(worlds):
        values, factor = means(truth[:, None] + rng.lognormal(sigma=0.5, size=(6, 8)) - np.exp(0.125))
        found = spearman(values, np.arange(6), factor)
        missed += not found.low <= wanted <= found.high
    assert missed <= 0.07 * worlds


def test_the_smallest_of_curves_has_bounds_for_each():
    rising, falling = np.arange(6.0), -np.arange(6.0)
    values, factor = world(np.stack([rising, falling, rising]), 1e-3)
    found = smallest_spearman(values, np.arange(6), factor)
    assert found.value == pytest.approx(-1.0)
    assert found.high < -0.9
    alike, own = world(np.stack([rising, 2 * rising]), 1e-3)
    assert smallest_spearman(alike, np.arange(6), own).low > 0.9


def test_a_value_never_leaves_its_interval_and_mirrors():
    for seed in range(20):
        values, factor = world(np.linspace(0, 1, 7), 0.3, seed=seed)
        up = spearman(values, np.arange(7), factor)
        down = spearman(-values, np.arange(7), Factor("text", -factor.without))
        assert up.low <= up.value <= up.high
        assert (up.low, up.value, up.high) == pytest.approx((-down.high, -down.value, -down.low))
        backwards = spearman(values[::-1], np.arange(7)[::-1], Factor("text", factor.without[::-1]))
        assert (backwards.low, backwards.high) == pytest.approx((up.low, up.high))


def test_p_values_agree_with_the_interval():
    values, factor = world(np.linspace(0, 3, 6), 0.3, seed=3)
    found = spearman(values, np.arange(6), factor)
    assert found.p_above(found.low - 1e-6) <= 0.0251
    assert found.p_above(found.low + 1e-6) >= 0.0249


def test_ties_in_the_order_cost_nothing():
    values, factor = world(np.array([0.0, 1.0, 1.1, 2.0]), 1e-4)
    found = spearman(values, np.array([0, 1, 1, 2]), factor)
    assert found.low <= found.value == pytest.approx(scipy.stats.spearmanr([0, 1, 1, 2], values).statistic)
    assert found.low > 0.7


def test_too_few_units_and_units_alike_are_said():
    values, factor = world(np.arange(4.0), 0.1, n=3)
    assert spearman(values, np.arange(4), factor).lacks == "4 blocks of text at least"
    alike = Factor("text", np.repeat(np.arange(4.0)[:, None], 8, axis=1))
    assert spearman(np.arange(4.0), np.arange(4), alike).lacks == "text that are not all alike"


@pytest.mark.parametrize(("values", "order"), [([1.0, 1.0, 1.0], [0, 1, 2]), ([1.0, 2.0, np.nan], [0, 1, 2])])
def test_what_has_no_order_is_undefined(values, order):
    with pytest.raises(Undefined, match="correlation is not defined"):
        spearman(np.array(values), np.array(order), Factor("text", np.zeros((3, 4))))
