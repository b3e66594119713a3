"""Total angles, blocks of positions, and growth from model to model."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semphase.science.lexical.total_rotation import (
    BLOCK,
    block_of,
    largest_growth,
    mean_without_blocks,
    near_pi,
    turns,
)

SEEDS = st.integers(0, 2**32 - 1)


def test_turns_are_sums_in_units_of_pi():
    angle = np.array([[np.pi / 2, np.pi / 2], [np.pi, np.pi / 2]])
    np.testing.assert_allclose(turns(angle), [1, 1.5])


@pytest.mark.parametrize(("total", "near"), [(np.pi, True), (np.pi + 0.0999, True), (np.pi - 0.101, False), (0, False)])
def test_near_means_a_tenth_of_a_radian(total, near):
    assert near_pi(np.array([[total / 3, 2 * total / 3]]))[0] == near


@given(st.integers(BLOCK, 200))
def test_blocks_are_contiguous_and_none_is_shorter_than_half(positions):
    of = block_of(positions)
    assert (np.diff(of) >= 0).all()
    assert set(of) == set(range(of[-1] + 1))
    assert np.bincount(of).min() >= BLOCK / 2
    assert np.bincount(of).max() < 1.5 * BLOCK


@given(SEEDS, st.integers(2 * BLOCK, 130))
def test_means_without_each_block_by_a_slow_loop(seed, positions):
    values = np.random.default_rng(seed).normal(size=positions)
    mean, without = mean_without_blocks(values)
    of = block_of(positions)
    assert mean == pytest.approx(values.mean())
    np.testing.assert_allclose(without, [values[of != own].mean() for own in range(of[-1] + 1)])


@given(SEEDS)
def test_the_largest_growth_is_that_of_the_means(seed):
    rng = np.random.default_rng(seed)
    models = [mean_without_blocks(rng.normal(own, 0.1, size=500)) for own in (1.0, 1.2, 1.1)]
    found = largest_growth(models, lambda turned: np.diff(turned, axis=-1))
    assert found.value == pytest.approx(max(np.diff([mean for mean, _ in models])))
    assert found.low < found.value < found.high
    assert (found.population, found.units) == (("text",), (50,))
