"""Block sums against slow loops, what is made of them against known answers, and how often the interval holds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal

from semphase.errors import SemphaseError, Undefined
from semphase.stats.blocks import BLOCK, LEAST, BlockLosses, in_blocks, paired_test
from semphase.stats.estimates import mean
from semphase.stats.paired import sign_flip_p
from semphase.stats.ratios import difference_estimate, ratios

SEEDS = st.integers(0, 2**32 - 1)


def slow_blocks(chunk: np.ndarray) -> list[list[float]]:
    """One chunk cut by hand."""
    blocks = [list(chunk[start : start + BLOCK]) for start in range(0, len(chunk), BLOCK)]
    if len(blocks) > 1 and len(blocks[-1]) < LEAST:
        last = blocks.pop()
        blocks[-1] += last
    return blocks


@given(SEEDS, st.integers(1, 3), st.integers(1, 300))
def test_blocks_are_those_cut_by_hand(seed, chunks, predicted):
    losses = np.random.default_rng(seed).exponential(3, (2, chunks, predicted))
    sums, counts = in_blocks(losses)
    for row, found in zip(losses, sums, strict=True):
        blocks = [block for chunk in row for block in slow_blocks(chunk)]
        assert counts.tolist() == [len(block) for block in blocks]
        np.testing.assert_allclose(found, [math.fsum(block) for block in blocks], rtol=1e-13)


@pytest.mark.parametrize(
    ("predicted", "sizes"),
    [(1, [1]), (63, [63]), (64, [64]), (95, [95]), (96, [64, 32]), (128, [64, 64]), (1023, [64] * 15 + [63])],
)
def test_sizes_of_blocks(predicted, sizes):
    sums, counts = in_blocks(np.ones((2, predicted), dtype=np.float32))
    assert counts.tolist() == sizes * 2
    np.testing.assert_array_equal(sums, counts)
    assert sums.dtype == np.float64


@given(SEEDS, st.integers(1, 4), st.integers(1, 300))
def test_totals_are_kept(seed, chunks, predicted):
    losses = np.random.default_rng(seed).exponential(3, (2, 3, chunks, predicted))
    blocks = BlockLosses(*in_blocks(losses))
    assert blocks.tokens == chunks * predicted
    np.testing.assert_allclose(blocks.mean, losses.mean(axis=(-2, -1)), rtol=1e-12)
    np.testing.assert_allclose(blocks.perplexity, np.exp(losses.mean(axis=(-2, -1))), rtol=1e-12)


@given(SEEDS, st.integers(2, 5), st.integers(1, 4))
def test_runs_join_the_blocks_of_a_chunk(seed, chunks, each):
    rng = np.random.default_rng(seed)
    sums, counts = rng.exponential(200, (2, chunks * each)), rng.integers(32, 96, chunks * each)
    found = BlockLosses(sums, counts).in_runs(chunks)
    for chunk in range(chunks):
        own = slice(chunk * each, (chunk + 1) * each)
        assert found.counts[chunk] == counts[own].sum()
        np.testing.assert_allclose(found.sums[:, chunk], sums[:, own].sum(axis=-1))


@given(SEEDS)
def test_without_a_block_the_mean_is_that_of_the_others(seed):
    rng = np.random.default_rng(seed)
    sums, counts = rng.exponential(200, (3, 7)), rng.integers(32, 96, 7)
    found = BlockLosses(sums, counts).without
    for block in range(7):
        slow = np.delete(sums, block, axis=-1).sum(axis=-1) / np.delete(counts, block).sum()
        np.testing.assert_allclose(found[:, block], slow)


@given(SEEDS, st.floats(-1, 1))
def test_a_constant_change_has_its_ratio_and_says_nothing_of_other_texts(seed, nats):
    losses = np.random.default_rng(seed).exponential(3, (2, 200))
    (base, counts), (changed, _) = in_blocks(losses), in_blocks(losses + nats)
    found = ratios(BlockLosses(changed, counts), BlockLosses(base, counts)).estimate()
    assert found.value == pytest.approx(np.exp(nats))
    assert difference_estimate(np.zeros(len(counts)), counts).lacks == "text that are not all alike"


@given(SEEDS, st.floats(0.1, 10))
def test_differences_scale(seed, scale):
    values, counts = in_blocks(np.random.default_rng(seed).normal(size=(2, 300)))
    one, other = (difference_estimate(factor * values, counts) for factor in (1, scale))
    np.testing.assert_allclose([other.low, other.value, other.high], scale * np.array([one.low, one.value, one.high]))


def test_equal_blocks_have_the_interval_of_their_mean():
    """Skewness-corrected t of a plain mean, as `mean` makes it."""
    values = np.random.default_rng(1).normal(0.1, 0.05, 20)
    found, plain = difference_estimate(64 * values, np.full(20, 64)), mean(values, over="text")
    assert (found.low, found.value, found.high) == pytest.approx((plain.low, plain.value, plain.high))
    assert (found.population, found.units) == (plain.population, plain.units) == (("text",), (20,))
    assert found.p_above(0.05) == pytest.approx(plain.p_above(0.05))


def test_estimates_agree_with_each_other_and_say_how_they_were_made():
    rng = np.random.default_rng(0)
    base = rng.exponential(3, (2, 1023))
    (before, counts), (after, _) = in_blocks(base), in_blocks(base + rng.normal(0.1, 0.5, base.shape))
    found = ratios(BlockLosses(after, counts), BlockLosses(before, counts))
    ratio, nats = found.estimate(), difference_estimate(after - before, counts)
    assert ratio.value == pytest.approx(BlockLosses(after, counts).perplexity / BlockLosses(before, counts).perplexity)
    np.testing.assert_allclose(np.log([ratio.low, ratio.high]), [nats.low, nats.high])
    assert ratio.method == "ratio of perplexities, skewness-corrected t, each of 32 text left out"
    assert (ratio.units, ratio.unit, nats.unit) == ((32,), "", "nats")
    # The same text twice: pairing removes its variance.
    perplexity = ratios(BlockLosses(before, counts), BlockLosses(np.zeros_like(before), counts)).estimate()
    assert perplexity.value == pytest.approx(np.exp(base.mean()))
    assert math.log(ratio.high / ratio.low) < 0.5 * math.log(perplexity.high / perplexity.low)


def test_one_block_or_a_broken_loss():
    sums, counts = in_blocks(np.ones((1, 80)))
    assert difference_estimate(sums, counts).lacks == "4 blocks of text at least"
    with pytest.raises(SemphaseError, match="80 losses in 1; give a longer --corpus"):
        ratios(BlockLosses(sums, counts), BlockLosses(sums, counts))
    with pytest.raises(SemphaseError, match="give a longer --corpus"):
        paired_test(sums, sums, counts)
    with pytest.raises(SemphaseError, match="at least two tokens"):
        in_blocks(np.ones((2, 0)))
    with pytest.raises(Undefined, match="not finite"):
        difference_estimate(np.array([1, np.inf]), np.array([64, 64]))


def autocorrelated(rho: float, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Stationary AR(1) along the last axis, variance 1, mean 0, chunks independent."""
    noise = math.sqrt(1 - rho**2) * rng.normal(size=shape)
    noise[..., 0] = rng.normal(size=shape[:-1])
    return np.asarray(signal.lfilter([1], [1, -rho], noise, axis=-1))


def test_the_interval_covers_dependent_losses():
    """Known truth 0; docs/calibration.md has more kinds of worlds."""
    runs, rho, rng = 400, 0.6, np.random.default_rng(7)
    sums, counts = in_blocks(autocorrelated(rho, (runs, 1, 1023), rng))
    each = [difference_estimate(own, counts) for own in sums]
    rate = np.mean([own.low <= 0 <= own.high for own in each])
    # Four standard errors of the binomial.
    assert rate == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / runs))


def test_the_paired_test_flips_signs_of_blocks():
    rng = np.random.default_rng(0)
    base = rng.exponential(3, (1, 1023))
    (better, counts), (worse, _) = in_blocks(base), in_blocks(base + rng.normal(0.2, 0.5, base.shape))
    assert paired_test(worse, better, counts) == pytest.approx(sign_flip_p(worse - better))
    assert paired_test(worse, better, counts) < 0.01
    assert paired_test(better, worse, counts) > 0.99
    assert paired_test(better, better, counts) == 1
