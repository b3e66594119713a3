"""Attention's part of the rise: planted shares, and the definition written out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from semphase.science.lexical.write_origin import Writes, attention_share, correlation_lead, of_parts, write_slopes

SEEDS = st.integers(0, 2**32 - 1)
WORDS, PROMPTS, BLOCKS = 3, 12, 6
CLOSE = 1e-10


def random_writes(seed: int, *draw: int) -> Writes:
    rng = np.random.default_rng(seed)
    attention, mlp = rng.uniform(0.1, 1, size=(2, *draw, WORDS, BLOCKS))
    return Writes(attention, mlp, peak=3)


@given(SEEDS)
def test_slopes_are_those_of_polyfit_and_add_up_to_the_streams(seed):
    rng = np.random.default_rng(seed)
    stream = rng.normal(size=(WORDS, PROMPTS, BLOCKS + 1))
    attention, h = rng.normal(size=(WORDS, PROMPTS, BLOCKS)), rng.uniform(-1, 1, size=(WORDS, PROMPTS))
    found = write_slopes(stream, attention, h)
    for word in range(WORDS):
        for block in range(BLOCKS):
            step = stream[word, :, block + 1] - stream[word, :, block]
            parts = (attention[word, :, block], step - attention[word, :, block])
            expected = [np.polyfit(h[word], part, 1)[0] for part in parts]
            np.testing.assert_allclose((found.attention[word, block], found.mlp[word, block]), expected, atol=CLOSE)
        slopes = [np.polyfit(h[word], stream[word, :, layer], 1)[0] for layer in range(BLOCKS + 1)]
        np.testing.assert_allclose(
            np.cumsum(found.attention + found.mlp, axis=-1)[word], np.array(slopes[1:]) - slopes[0], atol=CLOSE
        )


@given(SEEDS, st.floats(0, 1))
def test_a_planted_share_is_found(seed, share):
    total = np.random.default_rng(seed).uniform(0.1, 1, size=(WORDS, BLOCKS))
    assert attention_share(of_parts(share * total, (1 - share) * total)) == pytest.approx(share)


def test_the_share_stops_at_the_peak_of_the_rise():
    attention = np.array([[1.0, 1.0, -5.0]])
    mlp = np.array([[1.0, 1.0, 1.0]])
    assert attention_share(of_parts(attention, mlp)) == 0.5


@given(SEEDS)
def test_the_lead_is_the_difference_of_mean_correlations(seed):
    writes = random_writes(seed)
    means = []
    for part in (writes.attention, writes.mlp):
        profile = np.cumsum(part, axis=-1)
        pairs = [(a, b) for a in range(WORDS) for b in range(a)]
        means.append(np.mean([stats.pearsonr(profile[a], profile[b]).statistic for a, b in pairs]))
    assert correlation_lead(writes) == pytest.approx(means[0] - means[1], abs=CLOSE)


@pytest.mark.parametrize("statistic", [attention_share, correlation_lead])
@given(seed=SEEDS)
def test_statistics_of_draws_are_those_of_each_draw(statistic, seed):
    drawn = random_writes(seed, 4)
    one = Writes(drawn.attention[0], drawn.mlp[0], drawn.peak)
    without = one.take_words(np.array([np.delete(np.arange(WORDS), own) for own in range(WORDS)]))
    for data in (drawn, without):
        expected = [statistic(Writes(a, m, peak=3)) for a, m in zip(data.attention, data.mlp, strict=True)]
        np.testing.assert_allclose(statistic(data), expected, atol=CLOSE)
