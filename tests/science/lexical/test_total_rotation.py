"""Total angles and their block bootstrap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semphase.science.lexical.total_rotation import BLOCK, block_means, near_pi, turns

SEEDS = st.integers(0, 2**32 - 1)


def test_turns_are_sums_in_units_of_pi():
    angle = np.array([[np.pi / 2, np.pi / 2], [np.pi, np.pi / 2]])
    np.testing.assert_allclose(turns(angle), [1, 1.5])


@pytest.mark.parametrize(("total", "near"), [(np.pi, True), (np.pi + 0.0999, True), (np.pi - 0.101, False), (0, False)])
def test_near_means_a_tenth_of_a_radian(total, near):
    assert near_pi(np.array([[total / 3, 2 * total / 3]]))[0] == near


@given(SEEDS, st.integers(BLOCK, 70))
def test_each_draw_is_the_mean_of_whole_blocks_cut_to_length(seed, positions):
    """Squares tell every set of positions apart, so the drawn starts can be read off a mean of ranks."""
    values = np.arange(positions, dtype=float)
    found = block_means(values, 20, np.random.default_rng(seed))
    rng = np.random.default_rng(seed)
    blocks = -(-positions // BLOCK)
    starts = rng.integers(0, positions - BLOCK + 1, size=(20, blocks))
    for draw in range(20):
        drawn = [values[start + i] for start in starts[draw] for i in range(BLOCK)][:positions]
        assert found[draw] == pytest.approx(np.mean(drawn))


@given(SEEDS)
def test_a_constant_has_no_scatter(seed):
    np.testing.assert_allclose(block_means(np.full(50, 0.3), 10, np.random.default_rng(seed)), 0.3)


def test_neighbours_that_agree_scatter_more_than_independent_ones():
    rng = np.random.default_rng(0)
    white = rng.normal(size=500)
    # Runs of twenty equal values: the mean of 500 has the variance of a mean of 25.
    slow = np.repeat(rng.normal(size=25), 20)
    spread = [block_means(values, 2000, np.random.default_rng(1)).std() / values.std() for values in (white, slow)]
    assert spread[0] == pytest.approx(1 / np.sqrt(500), rel=0.4)
    # Blocks straddle two runs: on average they average over 1.5 of them, which takes off a third of the variance.
    assert 0.7 / np.sqrt(25) < spread[1] < 1.2 / np.sqrt(25)
