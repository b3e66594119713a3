"""Responses and conditions without single prompts and sentences, against the same made of streams from scratch."""

from __future__ import annotations

import numpy as np
import pytest

from semphase.science.lexical.conditions import Conditions
from semphase.science.lexical.order_parameter import order_parameter, overlaps
from semphase.science.lexical.response import depths, respond, strength_from_final_sigma
from semphase.science.lexical.without import condition_means, conditions_without, response_without

WORDS, PROMPTS, LAYERS, WIDTH = 2, 6, 4, 7
SENSE = np.array([[1, 1, 1, -1, -1, 0], [1, 1, -1, -1, -1, -1]])
STRATA = np.array([0, 0, 0, 1, 1, 1])
STEP = np.array([0.1, 0.2, 0.3, -0.1, -0.2, -0.3])
CONDITION = np.array([[0, 0, 1, 1, 2, -1], [0, 1, 1, 2, 2, 2]])
CLOSE = 1e-12
STRENGTHS = {"σ(L)": lambda sigma, _: strength_from_final_sigma(sigma), "step": lambda _, kept: STEP[kept]}


@pytest.fixture
def streams():
    return np.random.default_rng(3).normal(size=(WORDS, PROMPTS, LAYERS, WIDTH))


@pytest.fixture
def finals():
    return np.random.default_rng(4).normal(size=(WORDS, SENSE.shape[1], WIDTH))


def sigma_of(streams, finals, sense):
    data = overlaps(streams, finals, sense)
    return order_parameter(data, data.weights)


def sentences_left_out(word):
    """Each sentence of a word in turn, sense by sense: those that stay."""
    for sign in (1, -1):
        for own in np.flatnonzero(SENSE[word] == sign):
            yield np.delete(np.flatnonzero(SENSE[word]), np.flatnonzero(np.flatnonzero(SENSE[word]) == own))


def prompts_left_out(word):
    """Each prompt of a condition that has two: those that stay."""
    for kind in range(3):
        members = np.flatnonzero(CONDITION[word] == kind)
        yield from (np.delete(np.arange(PROMPTS), prompt) for prompt in members if len(members) > 1)


@pytest.mark.parametrize("strength", STRENGTHS.values(), ids=STRENGTHS)
def test_responses_are_those_of_what_is_left(streams, finals, strength):
    data = overlaps(streams, finals, SENSE)
    sigma = order_parameter(data, data.weights)
    every = np.broadcast_to(np.arange(PROMPTS), (WORDS, PROMPTS))
    point = respond(sigma, strength(sigma, every))
    made = response_without(data, STRATA, strength, point)
    rows, labels = iter(zip(made.data.f, made.data.r2, strict=True)), iter(made.strata)
    for word in range(WORDS):
        one = slice(word, word + 1)
        expected = []
        for kept in sentences_left_out(word):
            sigma = sigma_of(streams[one], finals[one, kept], SENSE[one, kept])
            expected.append(respond(sigma, strength(sigma, every[:1])))
        for prompt in range(PROMPTS):
            kept = np.delete(np.arange(PROMPTS), prompt)
            sigma = sigma_of(streams[one, kept], finals[one], SENSE[one])
            expected.append(respond(sigma, strength(sigma, kept[None])))
        for own in expected:
            f, r2 = next(rows)
            np.testing.assert_allclose(f[word], own.f[0], atol=CLOSE)
            np.testing.assert_allclose(r2[word], own.r2[0], atol=CLOSE)
            np.testing.assert_array_equal(np.delete(f, word, axis=0), np.delete(point.f, word, axis=0))
        sides = [4 * word + (sense < 0) for sense in (*sorted(SENSE[word][SENSE[word] != 0])[::-1],)]
        assert [next(labels) for _ in expected] == [*sides, *(4 * word + 2 + STRATA)]
    assert next(rows, None) is None


def test_conditions_are_those_of_what_is_left(streams, finals):
    data = overlaps(streams, finals, SENSE)
    sigma = order_parameter(data, data.weights)
    point = Conditions(depths(LAYERS), condition_means(sigma, CONDITION))
    made = conditions_without(data, CONDITION, point)
    rows, labels = iter(made.data.sigma), []
    for word in range(WORDS):
        one = slice(word, word + 1)
        expected = [
            by_loop(sigma_of(streams[one], finals[one, kept], SENSE[one, kept])[0], CONDITION[word])
            for kept in sentences_left_out(word)
        ]
        expected += [by_loop(sigma[word, kept], CONDITION[word, kept]) for kept in prompts_left_out(word)]
        for own in expected:
            row = next(rows)
            np.testing.assert_allclose(row[word], own, atol=CLOSE)
            np.testing.assert_array_equal(np.delete(row, word, axis=0), np.delete(point.sigma, word, axis=0))
        labels.append(len(expected))
    assert next(rows, None) is None
    # A word's strata are its own: two senses, and each condition that has two prompts.
    assert [len(set(part)) for part in np.split(made.strata, np.cumsum(labels)[:-1])] == [4, 4]
    assert len(set(made.strata)) == 8


def test_conditions_are_means_over_their_prompts_and_padding_is_left_out(streams, finals):
    sigma = sigma_of(streams, finals, SENSE)
    means = condition_means(sigma, CONDITION)
    for word in range(WORDS):
        np.testing.assert_allclose(means[word], by_loop(sigma[word], CONDITION[word]), atol=CLOSE)


def by_loop(sigma, condition):
    return np.stack([sigma[condition == kind].mean(axis=0) for kind in range(3)])
