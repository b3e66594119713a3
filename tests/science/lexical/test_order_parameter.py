"""σ(l) against the formula written out, and what must not change it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semphase.science.lexical.order_parameter import (
    draw_counts,
    draw_directions,
    draw_within,
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
def test_a_drawn_sigma_is_that_of_the_drawn_sentences(seed):
    streams, finals = streams_of(seed)
    rng = np.random.default_rng(seed)
    weights = draw_directions(SENSE, 3, rng)
    sigma = order_parameter(overlaps(streams, finals, SENSE), weights)
    for draw in range(3):
        for w in range(WORDS):
            # A positive weight times the number of sentences of that sense says how often one was drawn.
            a, b = (finals[w].T @ np.maximum(sign * weights[draw, w], 0) for sign in (1, -1))
            assert sigma[draw, w, 0, 0] == pytest.approx(cosine(streams[w, 0, 0], a[None], b[None]), abs=CLOSE)


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


@given(SEEDS)
def test_weights_of_each_sense_add_up_to_one(seed):
    weights = draw_directions(SENSE, 50, np.random.default_rng(seed))
    np.testing.assert_allclose(np.where(SENSE > 0, weights, 0).sum(axis=-1), 1, atol=CLOSE)
    np.testing.assert_allclose(np.where(SENSE < 0, weights, 0).sum(axis=-1), -1, atol=CLOSE)
    assert not weights[:, SENSE == 0].any()


def test_weights_of_the_sentences_as_they_are():
    weights = mean_difference(np.abs(SENSE).astype(float), SENSE)
    np.testing.assert_allclose(weights[0], [1 / 3, 1 / 3, 1 / 3, -1 / 2, -1 / 2, 0])


@given(SEEDS)
def test_counts_are_those_of_a_bootstrap(seed):
    member = np.array([[1.0, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
    counts = draw_counts(member, 40, np.random.default_rng(seed))
    np.testing.assert_array_equal(counts.sum(axis=-1), np.broadcast_to([3, 1, 0], (40, 3)))
    assert not counts[:, member == 0].any()


def test_counts_are_multinomial():
    counts = draw_counts(np.ones((1, 5)), 20_000, np.random.default_rng(0))[:, 0]
    # Mean 1 and variance 1 − 1/5; standard errors are 0.006 and about 0.01, so five of them.
    np.testing.assert_allclose(counts.mean(axis=0), 1, atol=0.04)
    np.testing.assert_allclose(counts.var(axis=0), 0.8, atol=0.06)


@given(SEEDS, st.lists(st.integers(0, 3), min_size=1, max_size=12))
def test_prompts_are_drawn_from_their_own_stratum(seed, strata):
    strata = np.array(strata)
    index = draw_within(strata, (6, 2), np.random.default_rng(seed))
    assert index.shape == (6, 2, len(strata))
    np.testing.assert_array_equal(strata[index], np.broadcast_to(strata, index.shape))


def test_every_prompt_of_a_stratum_is_drawn_as_often_in_every_place():
    index = draw_within(np.array([0, 1, 0, 1, 0]), (30_000, 1), np.random.default_rng(0))[:, 0]
    # Shares of 1/3 and 1/2 of 30 000 draws have standard errors below 0.003.
    for place, members in ((0, [0, 2, 4]), (1, [1, 3])):
        shares = np.bincount(index[:, place], minlength=5)[members] / len(index)
        np.testing.assert_allclose(shares, 1 / len(members), atol=0.015)
