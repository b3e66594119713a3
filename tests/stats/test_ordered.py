"""Bounds of the k-th smallest of several statistics, and of their median row, in worlds and at their ends."""

from __future__ import annotations

import numpy as np
import pytest

from semphase.stats.left_out import Factor, largest, median_row, ordered, smallest


def world(truth: np.ndarray, noise: float, seed: int, n: int = 8) -> tuple[np.ndarray, Factor]:
    units = truth[:, None] + noise * np.random.default_rng(seed).normal(size=(len(truth), n))
    return units.mean(axis=1), Factor("text", (units.sum(axis=1, keepdims=True) - units) / (n - 1))


@pytest.mark.parametrize("place", [1, 3, 6])
def test_the_place_is_that_of_the_sorted_rows(place):
    values, factor = world(np.array([5.0, 1.0, 4.0, 2.0, 6.0, 3.0]), 1e-3, 0)
    found = ordered(values, (place, place), factor, what="place")
    assert found.value == np.sort(values)[place - 1]
    assert found.low < found.value < found.high
    assert found.value == pytest.approx(place, abs=0.01)


def test_the_first_is_the_smallest_and_the_last_the_largest():
    values, factor = world(np.arange(5.0), 0.3, 1)
    first, last = (ordered(values, (at, at), factor, what="place") for at in (1, 5))
    for one, other in ((first, smallest(values, factor, what="place")), (last, largest(values, factor, what="place"))):
        assert one.value == other.value
        assert (one.low, one.high) == pytest.approx((other.low, other.high), rel=0.2)


@pytest.mark.parametrize("rows", [4, 5])
def test_the_median_row_is_that_of_the_values(rows):
    values, factor = world(np.arange(rows) ** 2.0, 0.1, 2)
    found = median_row(values, factor, what="median")
    assert found.value == pytest.approx(np.median(values))
    assert found.low < found.value < found.high


def test_a_rule_that_is_met_exactly_has_a_narrow_interval():
    """Two rows far below, the others at one number: the third smallest is known as well as they are."""
    values, factor = world(np.array([0.0, 0.0, *[50.0] * 10]), 1.0, 3)
    found = ordered(values, (3, 3), factor, what="third smallest")
    assert 40 < found.low < found.value < found.high < 53


@pytest.mark.parametrize("truth", [np.zeros(6), np.array([0.0, 0.0, 0.5, 0.5, 1.0, 5.0])])
def test_worlds_are_covered(truth):
    missed = {1: 0, 3: 0}
    for seed in range(300):
        values, factor = world(truth, 1.0, seed)
        for place in missed:
            found = ordered(values, (place, place), factor, what="place")
            missed[place] += not found.low <= np.sort(truth)[place - 1] <= found.high
    assert max(missed.values()) <= 0.07 * 300
