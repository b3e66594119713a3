"""Estimates from draws: the percentile rule, what is said about it, and how often the interval holds the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from semphase.errors import SemphaseError, Undefined
from semphase.stats.draws import Bootstrapped, PerWord, estimate_from_draws, per_word, take_words
from semphase.stats.interval import with_interval

FINITE = st.floats(-1e6, 1e6)


@given(st.lists(FINITE, min_size=2, max_size=50))
def test_the_interval_is_the_percentiles_of_the_draws(draws):
    draws = np.array(draws)
    low, high = np.percentile(draws, [2.5, 97.5])
    found = with_interval(float(np.median(draws)), draws, n=7, what="test", unit="m")
    assert (found.low, found.high) == (low, high)
    assert (found.n, found.unit, found.level) == (7, "m", 0.95)
    assert found.method == f"percentile test, {len(draws)} draws"


@given(st.lists(FINITE, min_size=2, max_size=50), FINITE)
def test_an_interval_that_misses_the_value_is_extended_and_says_so(draws, value):
    found = with_interval(value, np.array(draws), n=1, what="test")
    low, high = np.percentile(draws, [2.5, 97.5])
    assert (found.low, found.high) == (min(low, value), max(high, value))
    assert ("extended to the value" in found.method) == (not low <= value <= high)


def test_a_few_undefined_draws_are_left_out_and_counted():
    draws = np.concatenate([np.linspace(0, 1, 96), [np.nan, np.inf, -np.inf, np.nan]])
    found = with_interval(0.5, draws, n=1, what="test")
    np.testing.assert_allclose((found.low, found.high), (0.025, 0.975))
    assert "4 undefined draws left out" in found.method
    assert "100 draws" in found.method


def test_more_than_five_in_a_hundred_undefined_are_an_error():
    draws = np.concatenate([np.zeros(94), np.full(6, np.nan)])
    with pytest.raises(Undefined, match="by bootstrap over words: the value is 0 and 6 of 100 draws are undefined"):
        with_interval(0.0, draws, n=1, what="bootstrap over words")
    exactly = np.concatenate([np.zeros(95), np.full(5, np.nan)])
    assert with_interval(0.0, exactly, n=1, what="test").value == 0


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_undefined_value_is_an_error(value):
    with pytest.raises(SemphaseError, match="no interval could be made"):
        with_interval(value, np.zeros(10), n=1, what="test")


@given(st.integers(0, 2**32 - 1))
def test_words_are_taken_within_their_draw(seed):
    rng = np.random.default_rng(seed)
    array, index = rng.normal(size=(4, 3, 2)), rng.integers(0, 3, size=(4, 3))
    taken = take_words(array, index)
    for draw in range(4):
        for place in range(3):
            np.testing.assert_array_equal(taken[draw, place], array[draw, index[draw, place]])


@dataclass(frozen=True)
class Sampled:
    """One value for each prompt, [..., word, prompt]."""

    values: np.ndarray

    def take_words(self, index: np.ndarray) -> Sampled:
        return Sampled(take_words(self.values, index))


def mean(data: Sampled) -> np.ndarray:
    return data.values.mean(axis=(-2, -1))


def bootstrapped(values: np.ndarray, draws: int, rng: np.random.Generator) -> Bootstrapped[Sampled]:
    words, prompts = values.shape
    index = rng.integers(0, prompts, size=(draws, words, prompts))
    drawn = np.take_along_axis(values[None], index, axis=-1)
    return Bootstrapped(Sampled(values), Sampled(drawn), rng.integers(0, words, size=(draws, words)), values.size)


def test_populations_say_what_was_resampled():
    data = bootstrapped(np.random.default_rng(0).normal(size=(4, 6)), 50, np.random.default_rng(1))
    prompts, words = estimate_from_draws(mean, data), estimate_from_draws(mean, data, population="words", unit="m")
    assert prompts.method == "percentile bootstrap over prompts within words, 50 draws"
    assert words.method == "percentile bootstrap over words and prompts, 50 draws"
    assert (prompts.n, words.n, words.unit) == (24, 4, "m")
    assert prompts.value == words.value == pytest.approx(float(data.point.values.mean()))


def test_words_that_differ_widen_the_interval_over_words_only():
    values = np.random.default_rng(0).normal(size=(6, 10)) + 10 * np.arange(6)[:, None]
    data = bootstrapped(values, 400, np.random.default_rng(1))
    prompts, words = estimate_from_draws(mean, data), estimate_from_draws(mean, data, population="words")
    assert prompts.high - prompts.low < 2
    # The standard error of the mean of six words 10 apart is 7.
    assert words.high - words.low > 15


def coverage(population: str, between: float, runs: int = 600) -> float:
    """How often the interval of the mean of 5 words × 8 prompts (standard deviation 1) holds the true mean 0."""
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(runs):
        values = between * rng.normal(size=(5, 1)) + rng.normal(size=(5, 8))
        found = estimate_from_draws(mean, bootstrapped(values, 200, rng), population=population)
        held += found.low <= 0 <= found.high
    return held / runs


def test_the_interval_over_prompts_covers_as_often_as_its_size_allows():
    # Each word's bootstrap variance falls short by 7/8, so the interval is that of t with 35 degrees of freedom cut
    # at 1.96 · √(7/8): 92.5 %. Three binomial standard errors of 600 runs are 3.2 %.
    expected = 1 - 2 * stats.t.sf(1.96 * np.sqrt(7 / 8), 35)
    assert coverage("prompts", between=0.0) == pytest.approx(expected, abs=0.032)


def test_the_interval_over_words_covers_where_words_differ():
    # Five words: t with 4 degrees of freedom cut at 1.96 · √(4/5) gives 84.8 %; resampling prompts as well adds
    # variance (1/8 of 1 + 1/8), so a little more.
    least = 1 - 2 * stats.t.sf(1.96 * np.sqrt(4 / 5), 4)
    assert least - 0.05 < coverage("words", between=1.0) < 0.95


def test_the_interval_over_prompts_is_too_short_for_other_words():
    assert coverage("prompts", between=1.0) < 0.75


def test_several_datasets_share_their_draws():
    data = bootstrapped(np.random.default_rng(0).normal(size=(4, 6)), 50, np.random.default_rng(1))
    found = estimate_from_draws(lambda a, b: mean(a) - mean(b), data, data, population="words")
    assert (found.value, found.low, found.high) == (0, 0, 0)


@given(st.lists(st.floats(0.5, 2), min_size=2, max_size=9))
def test_per_word_numbers_have_their_mean_and_variation(values):
    row = PerWord(np.array(values))
    assert row.mean == pytest.approx(np.mean(values))
    # rtol of float64 sums; the deviation of equal values is 0 up to their rounding.
    assert row.variation == pytest.approx(stats.variation(values, ddof=1), abs=1e-12)


def test_a_statistic_for_each_word_is_made_for_point_and_draws():
    data = bootstrapped(np.random.default_rng(0).normal(size=(4, 6)), 50, np.random.default_rng(1))
    made = per_word(lambda part: part.values.max(axis=-1), data)
    np.testing.assert_array_equal(made.point.values, data.point.values.max(axis=-1))
    np.testing.assert_array_equal(made.words.values, data.words.values.max(axis=-1))
