"""σ(l) against the formula written out, and what must not change it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semphase.science.lexical.order_parameter import (
    mean_difference,
    order_parameter,
    overlaps,
    projections,
)

SEEDS = st.integers(0, 2**32 - 1)
WORDS, PROMPTS, LAYERS, WIDTH = 3, 4, 5, 7
SENSE = np.array([[1, 1, 1, -1, -1, 0], [1, 1, -1, -1, -1, -1], [1, -1, -1, 0, 0, 0]])
# Numbers of order one in float64, sums of tens of them.
CLOSE = 1e-12


def streams_of(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(WORDS, PROMPTS, LAYERS, WIDTH)), rng.normal(size=(WORDS, SENSE.shape[1], WIDTH))


def sigma_of(streams: np.ndarray, finals: np.ndarray, sense: np.ndarray = SENSE) -> np.ndarray:
    data = overlaps(streams, finals, sense)
    return order_parameter(data, data.weights)


def cosine(stream: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    e_diff = a.mean(axis=0) - b.mean(axis=0)
    return float(stream @ e_diff / (np.linalg.norm(stream) * np.linalg.norm(e_diff)))


@given(SEEDS)
def test_sigma_is_the_cosine_with_the_difference_of_the_means(seed):
    streams, finals = streams_of(seed)
    sigma = sigma_of(streams, finals)
    for w in range(WORDS):
        a, b = finals[w, SENSE[w] > 0], finals[w, SENSE[w] < 0]
        for p in range(PROMPTS):
            for layer in range(LAYERS):
                assert sigma[w, p, layer] == pytest.approx(cosine(streams[w, p, layer], a, b), abs=CLOSE)
    assert np.abs(sigma).max() <= 1 + CLOSE


@given(SEEDS)
def test_sigma_along_other_weights_is_that_of_the_sentences_that_they_count(seed):
    streams, finals = streams_of(seed)
    counts = np.random.default_rng(seed).integers(1, 4, size=(3, *SENSE.shape)) * np.abs(SENSE)
    sigma = order_parameter(overlaps(streams, finals, SENSE), mean_difference(counts.astype(float), SENSE))
    for draw in range(3):
        for w in range(WORDS):
            a, b = (np.repeat(finals[w], counts[draw, w] * (sign * SENSE[w] > 0), axis=0) for sign in (1, -1))
            assert sigma[draw, w, 0, 0] == pytest.approx(cosine(streams[w, 0, 0], a, b), abs=CLOSE)


@given(SEEDS)
def test_a_rotation_of_the_stream_changes_nothing(seed):
    streams, finals = streams_of(seed)
    rotation, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(WIDTH, WIDTH)))
    np.testing.assert_allclose(sigma_of(streams @ rotation, finals @ rotation), sigma_of(streams, finals), atol=CLOSE)


@given(SEEDS, st.floats(1e-3, 1e3))
def test_the_length_of_streams_changes_nothing(seed, length):
    streams, finals = streams_of(seed)
    stretched = streams * np.random.default_rng(seed).uniform(0.1, 10, streams.shape[:3])[..., None]
    np.testing.assert_allclose(sigma_of(stretched, length * finals), sigma_of(streams, finals), atol=CLOSE)


@given(SEEDS)
def test_swapped_senses_swap_the_sign(seed):
    streams, finals = streams_of(seed)
    np.testing.assert_array_equal(sigma_of(streams, finals, -SENSE), -sigma_of(streams, finals))


@given(SEEDS)
def test_padding_is_not_seen(seed):
    streams, finals = streams_of(seed)
    padded = np.where(SENSE[..., None] == 0, np.nan, finals)
    np.testing.assert_array_equal(sigma_of(streams, padded), sigma_of(streams, finals))
    alone = sigma_of(streams[2:], finals[2:, :3], SENSE[2:, :3])
    np.testing.assert_allclose(sigma_of(streams, finals)[2:], alone, atol=CLOSE)


@given(SEEDS, st.permutations(range(WORDS)), st.permutations(range(PROMPTS)))
def test_the_order_of_words_and_prompts_only_orders_the_result(seed, words, prompts):
    streams, finals = streams_of(seed)
    shuffled = sigma_of(streams[words][:, prompts], finals[words], SENSE[words])
    np.testing.assert_allclose(shuffled, sigma_of(streams, finals)[words][:, prompts], atol=CLOSE)


@given(SEEDS)
def test_projections_keep_the_length(seed):
    streams, finals = streams_of(seed)
    data = projections(streams, finals, SENSE)
    lengths = np.linalg.norm(streams, axis=-1)
    np.testing.assert_allclose(
        order_parameter(data, data.weights), sigma_of(streams, finals) * lengths, atol=CLOSE * lengths.max()
    )


def test_senses_that_do_not_differ_point_nowhere():
    streams, finals = streams_of(0)
    same = np.broadcast_to(finals[:, :1], finals.shape)
    np.testing.assert_array_equal(sigma_of(streams, same), 0)


def test_float32_streams_are_summed_in_double():
    # 2²⁴ + 1 is no float32: a sum taken there would lose the second component.
    streams = np.array([2.0**24, 1.0], np.float32).reshape(1, 1, 1, 2)
    finals = np.array([[[0, 1], [0, -1]]], np.float32)
    sigma = sigma_of(streams, finals, np.array([[1, -1]]))
    assert sigma.item() == pytest.approx(1 / np.hypot(2.0**24, 1), rel=1e-12)


def test_weights_of_the_sentences_as_they_are():
    weights = mean_difference(np.abs(SENSE).astype(float), SENSE)
    np.testing.assert_allclose(weights[0], [1 / 3, 1 / 3, 1 / 3, -1 / 2, -1 / 2, 0])
