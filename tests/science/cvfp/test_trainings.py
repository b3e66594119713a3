"""Numbers without each document and seed: slow loops, what lacks, iterations by hand, coverage of planted truths."""

from __future__ import annotations

import math

import numpy as np
import pytest

from semphase.errors import SemphaseError
from semphase.science.cvfp.trainings import (
    Jackknifed,
    Without,
    combined,
    in_groups,
    iterations_needed,
    of_seeds,
    per_token,
    without_each,
)

CLOSE = 1e-12
"""Sums of some hundred numbers of order one in float64."""


def losses(cells=(2, 4), seeds=4, documents=30, seed=1):
    rng = np.random.default_rng(seed)
    predicted = rng.integers(10, 40, size=documents).astype(float)
    return rng.gamma(4, size=(*cells, seeds, documents)) * predicted, np.broadcast_to(
        predicted, (*cells, seeds, documents)
    )


def test_the_point_is_the_mean_over_seeds_of_the_loss_per_token():
    nats, predicted = losses()
    found = per_token(nats, predicted)
    for i, j in np.ndindex(2, 4):
        each = [nats[i, j, s].sum() / predicted[i, j, s].sum() for s in range(4)]
        assert found.point[i, j] == pytest.approx(np.mean(each), abs=CLOSE)


def test_documents_and_seeds_are_left_out_as_in_a_slow_loop():
    nats, predicted = losses()
    documents, seeds = per_token(nats, predicted).without
    assert (documents.kind, seeds.kind) == ("documents", "seeds")
    for d in range(30):
        kept = np.delete(np.arange(30), d)
        slow = (nats[..., kept].sum(-1) / predicted[..., kept].sum(-1)).mean(-1)
        np.testing.assert_allclose(documents.numbers[d], slow, atol=CLOSE)
    for s in range(4):
        kept = np.delete(np.arange(4), s)
        slow = (nats[:, :, kept].sum(-1) / predicted[:, :, kept].sum(-1)).mean(-1)
        np.testing.assert_allclose(seeds.numbers[s], slow, atol=CLOSE)


def test_documents_are_left_out_of_all_trainings_at_once():
    """Two trainings that differ by a constant for every token do so without any document."""
    nats, predicted = losses(cells=(1,))
    pair = np.concatenate([nats, nats + 0.25 * predicted])
    difference = per_token(pair, np.concatenate([predicted, predicted])).of(lambda x: x[..., 1] - x[..., 0])
    for own in difference.without:
        np.testing.assert_allclose(own.numbers, 0.25, atol=CLOSE)
    assert "not all alike" in difference.smooth("difference").lacks


@pytest.mark.parametrize(("seeds", "lacks"), [(1, "4 seeds at least"), (3, "4 seeds at least"), (4, "")])
def test_fewer_than_four_seeds_say_nothing_of_others(seeds, lacks):
    found = per_token(*losses(cells=(3,), seeds=seeds))
    assert found.at((0,)).smooth("loss").lacks == lacks
    assert found.smallest("loss").lacks == lacks
    assert found.largest("loss").lacks == lacks


def test_estimates_tell_their_units():
    found = per_token(*losses(cells=(2,)))
    for own in found.estimates("loss"):
        assert (own.population, own.units) == (("documents", "seeds"), (30, 4))
        assert own.low < own.value < own.high


def test_ends_are_cut_to_the_range():
    found = per_token(*losses(cells=()))
    cut = (float(found.point) - 1e-3, float(found.point) + 1e-3)
    made = found.smooth("loss", cut=cut)
    assert (made.low, made.high) == cut


def test_one_document_has_no_interval():
    with pytest.raises(SemphaseError, match="at least two"):
        per_token(*losses(documents=1))


def test_numbers_with_different_units_do_not_combine():
    with pytest.raises(SemphaseError, match="different units"):
        combined(np.add, per_token(*losses()), per_token(*losses(documents=29)))


def test_numbers_of_the_same_units_combine():
    one, two = (
        Jackknifed(np.array(value), (Without("seeds", np.array(numbers)),))
        for value, numbers in ((2.0, [1.0, 3.0]), (1.0, [2.0, 2.0]))
    )
    found = combined(np.subtract, one, two)
    assert found.point == 1
    np.testing.assert_array_equal(found.without[0].numbers, [-1, 1])


def test_seeds_are_averaged_where_documents_are_left_out():
    found = of_seeds(np.array([1.0, 3.0]), np.array([[0.0, 2.0], [2.0, 6.0]]))
    assert found.point == 2
    np.testing.assert_array_equal(found.without[0].numbers, [1, 4])
    np.testing.assert_array_equal(found.without[1].numbers, [3, 1])


def test_a_single_seed_stays():
    np.testing.assert_array_equal(without_each(np.array([[5.0]])), [[5.0]])


def test_groups_are_contiguous():
    np.testing.assert_array_equal(in_groups(np.arange(6.0), 3), [1, 5, 9])
    np.testing.assert_array_equal(in_groups(np.arange(5.0), 2), [1, 9])


def test_iterations_are_counted_until_the_share_is_reached():
    converged = np.array([[0.0, 0.5], [1.0, 0.5], [1.0, 1.0], [1.0, 1.0]])
    # From a share of 0.75 after two iterations to 1 after three.
    assert iterations_needed(converged, 0.99, 1) == pytest.approx(2 + 0.24 / 0.25)
    assert iterations_needed(converged, 0.99, 4) == pytest.approx(2 + 0.24 / 0.25)
    assert iterations_needed(converged[:2], 0.99, 1) == 3


def test_iterations_before_a_relapse_do_not_count():
    converged = np.array([[1.0], [0.0], [0.5], [1.0]])
    assert iterations_needed(converged, 0.9, 3) == pytest.approx(3 + 0.4 / 0.5)
    assert iterations_needed(converged, 0.9, 1) == pytest.approx(0.9)


def test_a_share_that_is_met_exactly_is_reached():
    assert iterations_needed(np.full((1, 3), 0.99), 0.99, 1) == 1


@pytest.mark.parametrize("seeds", [4, 8])
def test_a_planted_loss_is_covered(seeds):
    """Documents vary by 0.3 nats, seeds by 0.02: the usual proportions."""
    rng, covered, runs = np.random.default_rng(5), 0, 400
    for _ in range(runs):
        effects = 0.02 * rng.normal(size=(seeds, 1))
        nats = 2.0 + effects + 0.3 * rng.normal(size=50) + 0.05 * rng.normal(size=(seeds, 50))
        estimate = per_token(nats, np.ones_like(nats)).smooth("loss")
        covered += estimate.low <= 2.0 <= estimate.high
    # Four standard errors of 400 runs at 95 %.
    assert covered / runs >= 0.95 - 4 * math.sqrt(0.95 * 0.05 / runs)
