"""Random directions keep norm and shape and nothing else; random heads are different ones, and not those named."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from semphase.errors import SemphaseError
from semphase.measure.controls import random_direction, random_heads
from semphase.measure.sites import ALL, head, heads, mlp

SEEDS = st.integers(0, 2**32 - 1)


@dataclass(frozen=True)
class Drawn:
    """As much of a study as the drawing of heads needs."""

    layers: int = 3
    heads: int = 4

    @property
    def model(self):
        return self


@given(SEEDS)
def test_random_directions_keep_norm_and_shape_by_layer(seed):
    like = np.random.default_rng(seed).normal(size=(5, 64)) * np.arange(1, 6)[:, None]
    made = random_direction(like, seed=seed)
    np.testing.assert_allclose(np.linalg.norm(made, axis=-1), np.linalg.norm(like, axis=-1))
    # The cosine of independent directions has a standard deviation of 1/√64; 0.7 is 5.6 of them.
    cosines = (made * like).sum(axis=-1) / np.linalg.norm(like, axis=-1) ** 2
    assert (np.abs(cosines) < 0.7).all()
    assert (made == random_direction(like, seed=seed)).all()


def test_every_direction_is_equally_likely():
    drawn = np.array([random_direction(np.ones(3), seed=seed) for seed in range(2000)])
    # The mean of 2000 unit components has a standard deviation of 1/√2000; 5 of them are 0.11.
    assert (np.abs(drawn.mean(axis=0)) < 5 / np.sqrt(2000)).all()
    assert (np.abs((drawn**2).mean(axis=0) - 1) < 5 * np.sqrt(0.8 / 2000)).all()


def test_a_data_array_comes_back_as_one():
    like = xr.DataArray(np.ones((2, 8)), dims=("layer", "d"), coords={"layer": [3, 7]})
    made = random_direction(like, seed=1)
    assert made.dims == ("layer", "d")
    assert list(made.layer.values) == [3, 7]
    assert (like == 1).all()


@pytest.mark.parametrize("like", [np.zeros((2, 3)), np.array([1.0, np.nan]), np.array(3.0)])
def test_a_direction_without_norm_is_refused(like):
    with pytest.raises(SemphaseError, match="finite directions"):
        random_direction(like)


@given(SEEDS, st.integers(1, 9))
def test_random_heads_are_different_heads_that_were_not_named(seed, n):
    but = ((0, 1), (2, 3), (1, 0))
    made = random_heads(Drawn(), n, seed=seed, but=heads(but))
    assert made == random_heads(Drawn(), n, seed=seed, but=but)
    assert len(set(made.pairs)) == n
    assert not set(made.pairs) & set(but)
    assert all(layer < 3 and number < 4 for layer, number in made.pairs)


def test_heads_may_be_left_out_by_layer():
    left = random_heads(Drawn(), 4, but=head([0, 1], ALL))
    assert left.pairs == ((2, 0), (2, 1), (2, 2), (2, 3))
    assert random_heads(Drawn(), 3, but=head(ALL, 0)).heads is not None
    assert all(number for _, number in random_heads(Drawn(), 9, but=head(ALL, 0)).pairs)


@pytest.mark.parametrize("n", [0, 11])
def test_more_heads_than_are_left_are_refused(n):
    with pytest.raises(SemphaseError, match="10 of the model's are left"):
        random_heads(Drawn(), n, but=[(0, 0), (1, 1)])
    with pytest.raises(SemphaseError, match=r"mlp\(2\) names none"):
        random_heads(Drawn(), 1, but=mlp(2))
