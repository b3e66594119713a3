"""Draws of gradient prompts and conditions against loops that resample sentence by sentence."""

from __future__ import annotations

import numpy as np
import pytest
from semphase.science.lexical.sampling import along_directions, draw_gradients, sample_conditions

from semphase.science.lexical.order_parameter import order_parameter, overlaps

SENSE = np.array([[1, 1, -1, -1, 0], [1, 1, 1, -1, -1]])
CONDITION = np.array([[0, 0, 1, 2, -1], [0, 1, 1, 2, 2]])
DRAWS = 4000


@pytest.fixture
def data():
    rng = np.random.default_rng(3)
    return overlaps(rng.normal(size=(2, 5, 3, 6)), rng.normal(size=(2, 5, 6)), SENSE)


def test_a_gradient_draw_is_the_sigma_of_its_prompts(data):
    strata = np.array([0, 0, 0, 1, 1])
    drawn = draw_gradients(SENSE, strata, 10, np.random.default_rng(0))
    point, draws = along_directions(data, drawn)
    np.testing.assert_array_equal(point, order_parameter(data, data.weights))
    for draw in range(10):
        sigma = order_parameter(data, drawn.weights[draw])
        for word in range(2):
            np.testing.assert_allclose(draws[draw, word], sigma[word, drawn.index[draw, word]], atol=1e-12)
    np.testing.assert_array_equal(strata[drawn.index], np.broadcast_to(strata, drawn.index.shape))


def test_conditions_are_means_over_their_prompts_and_padding_is_left_out(data):
    point, _ = sample_conditions(data, CONDITION, 5, np.random.default_rng(0))
    sigma = order_parameter(data, data.weights)
    for word in range(2):
        for condition in range(3):
            expected = sigma[word, CONDITION[word] == condition].mean(axis=0)
            np.testing.assert_allclose(point.sigma[word, condition], expected, atol=1e-12)
    np.testing.assert_allclose(point.x, [0, 0.5, 1])


def test_condition_draws_scatter_as_resampling_prompts_and_sentences_makes_them(data):
    _, drawn = sample_conditions(data, CONDITION, DRAWS, np.random.default_rng(0))
    rng = np.random.default_rng(1)
    slow = np.empty((DRAWS, 3))
    for draw in range(DRAWS):
        weights = np.zeros_like(data.weights)
        for sign in (1, -1):
            own = np.flatnonzero(SENSE[1] == sign)
            for sentence in rng.choice(own, size=len(own)):
                weights[1, sentence] += sign / len(own)
        weights[0] = data.weights[0]
        sigma = order_parameter(data, weights)[1]
        slow[draw] = sigma[rng.choice([1, 2], size=2)].mean(axis=0)
    found = drawn.sigma[:, 1, 1]
    # Two sets of 4000 draws of numbers within ±1: standard errors of the differences are below 0.012.
    np.testing.assert_allclose(found.mean(axis=0), slow.mean(axis=0), atol=0.05)
    np.testing.assert_allclose(found.std(axis=0), slow.std(axis=0), atol=0.05)
