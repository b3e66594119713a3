"""Draws of seeds and documents: known answers, slow loops, the jackknife's variance, coverage of planted truths."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semphase.errors import SemphaseError
from semphase.science.cvfp.trainings import (
    Drawn,
    combined,
    document_weights,
    iterations_needed,
    jackknifed,
    over_seeds,
    per_token,
    seed_weights,
)

CLOSE = 1e-12
"""Sums of some hundred numbers of order one in float64."""


def weights(draws=200, documents=30, seeds=3, cells=(2, 1), seed=0):
    rng = np.random.default_rng(seed)
    return document_weights(draws, documents, rng), seed_weights(draws, cells, seeds, rng)


def losses(cells=(2, 4), seeds=3, documents=30, seed=1):
    rng = np.random.default_rng(seed)
    predicted = rng.integers(10, 40, size=documents).astype(float)
    return rng.gamma(4, size=(*cells, seeds, documents)) * predicted, np.broadcast_to(
        predicted, (*cells, seeds, documents)
    )


def test_the_point_is_the_mean_over_seeds_of_the_loss_per_token():
    nats, predicted = losses()
    found = per_token(nats, predicted, *weights())
    for i, j in np.ndindex(2, 4):
        each = [math.log(math.exp(nats[i, j, s].sum() / predicted[i, j, s].sum())) for s in range(3)]
        assert found.point[i, j] == pytest.approx(np.mean(each), abs=CLOSE)
    assert found.n == 30


def test_draws_are_those_of_a_slow_loop():
    nats, predicted = losses()
    documents, seeds = weights()
    found = per_token(nats, predicted, documents, seeds)
    for draw in range(3):
        chosen = np.repeat(np.arange(30), documents[draw].astype(int))
        for i, j in np.ndindex(2, 4):
            each = [nats[i, j, s, chosen].sum() / predicted[i, j, s, chosen].sum() for s in range(3)]
            assert found.draws[draw, i, j] == pytest.approx(each @ seeds[draw, i, 0], abs=CLOSE)


def test_one_sample_of_documents_serves_all_trainings():
    """Two trainings that differ by a constant for every token do so in every draw."""
    nats, predicted = losses(cells=(1,), seeds=1)
    pair = np.concatenate([nats, nats + 0.25 * predicted])
    found = per_token(pair, np.concatenate([predicted, predicted]), *weights(seeds=1, cells=(2,)))
    difference = found.of(lambda x: x[..., 1] - x[..., 0])
    np.testing.assert_allclose(difference.draws, 0.25, atol=CLOSE)
    assert "one seed" in difference.estimate().method
    assert difference.share_above_zero == 1


@given(st.integers(2, 6), st.integers(0, 1000))
def test_weights_of_seeds_sum_to_one(seeds, seed):
    found = seed_weights(20, (3,), seeds, np.random.default_rng(seed))
    np.testing.assert_allclose(found.sum(axis=-1), 1, atol=CLOSE)


def test_stretched_seeds_have_the_variance_of_a_mean():
    values = np.array([1.0, 2.5, 7.0])
    drawn = seed_weights(40_000, (1,), 3, np.random.default_rng(0))[:, 0] @ values
    # The variance of 40,000 draws is good to 1 in 140 (one standard error), so three of them are 0.021.
    assert drawn.var() == pytest.approx(values.var(ddof=1) / 3, rel=0.03)
    assert drawn.mean() == pytest.approx(values.mean(), abs=4 * values.std() / math.sqrt(3 * 40_000))


def test_a_single_seed_stays():
    np.testing.assert_array_equal(seed_weights(5, (2,), 1, np.random.default_rng(0)), 1)


def test_one_document_has_no_interval():
    with pytest.raises(SemphaseError, match="at least two"):
        document_weights(5, 1, np.random.default_rng(0))


def test_draws_of_a_jackknifed_mean_have_the_variance_of_the_mean():
    rng = np.random.default_rng(3)
    x = rng.normal(size=10)
    left = (x.sum() - x) / 9
    groups = document_weights(40_000, 10, rng)
    found = jackknifed(np.array([x.mean()]), left[None], groups, np.ones((40_000, 1)))
    assert found.point == pytest.approx(x.mean(), abs=CLOSE)
    assert found.draws.var() == pytest.approx(x.var(ddof=1) / 10, rel=0.03)


def test_iterations_are_counted_until_the_share_is_reached():
    converged = np.array([[0.0, 0.5], [1.0, 0.5], [1.0, 1.0], [1.0, 1.0]])
    every, first, second = np.array([1.0, 1.0]), np.array([2.0, 0.0]), np.array([0.0, 2.0])
    drawn = np.stack([every, first, second])
    np.testing.assert_array_equal(iterations_needed(converged, drawn, 0.99, 1), [3, 2, 3])
    np.testing.assert_array_equal(iterations_needed(converged, drawn, 0.99, 4), [4, 4, 4])
    np.testing.assert_array_equal(iterations_needed(converged[:2], drawn, 0.99, 1), [3, 2, 3])


def test_a_share_that_is_met_exactly_is_reached():
    converged = np.full((1, 3), 0.99)
    assert iterations_needed(converged, np.ones((1, 3)), 0.99, 1)[0] == 1


def test_numbers_of_the_same_draws_combine():
    one = Drawn(np.array(2.0), np.array([1.0, 3.0]), 7, "first")
    two = Drawn(np.array(1.0), np.array([2.0, 2.0]), 9, "second")
    found = combined(np.subtract, one, two)
    assert (found.point, found.n, found.what) == (1.0, 7, "first")
    np.testing.assert_array_equal(found.draws, [-1, 1])
    assert found.share_above_zero == 0.5


def test_seeds_are_averaged_within_each_draw():
    values, draws = np.array([[1.0, 3.0]]), np.array([[[1.0, 3.0]], [[5.0, 7.0]]])
    found = over_seeds(values, draws, np.array([[[1.0, 0.0]], [[0.5, 0.5]]]))
    assert found.point == pytest.approx(2.0)
    np.testing.assert_allclose(found.draws, [[1.0], [6.0]])


def test_no_draw_goes_beyond_the_seeds():
    values = np.array([[41.0, 41.0, 41.0], [41.0, 41.0, 32.0]])
    weights = seed_weights(500, (2,), 3, np.random.default_rng(0))
    found = over_seeds(values, np.broadcast_to(values, (500, 2, 3)), weights)
    assert (weights @ values[1]).max() > 41
    np.testing.assert_array_equal(found.draws[:, 0], 41)
    assert (found.draws[:, 1].min(), found.draws[:, 1].max()) == (32, 41)


@pytest.mark.parametrize(("seeds", "least"), [(1, 0.90), (3, 0.86), (8, 0.90)])
def test_a_planted_loss_is_covered(seeds, least):
    """Documents vary by 0.3 nats, seeds by 0.02 (by nothing where there is one): the usual proportions."""
    rng, covered, runs = np.random.default_rng(5), 0, 400
    for _ in range(runs):
        effects = 0.02 * rng.normal(size=(1, seeds, 1)) * (seeds > 1)
        nats = 2.0 + effects + 0.3 * rng.normal(size=50) + 0.05 * rng.normal(size=(1, seeds, 50))
        found = per_token(
            nats, np.ones_like(nats), document_weights(300, 50, rng), seed_weights(300, (1,), seeds, rng)
        ).of(lambda x: x[..., 0])
        estimate = found.estimate()
        covered += estimate.low <= 2.0 <= estimate.high
    # 50 documents cover about 94 %; four standard errors of 400 runs are 0.05. Three seeds cost a little more.
    assert least <= covered / runs <= 1
