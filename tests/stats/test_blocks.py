"""Block sums and their bootstrap against slow loops, and how often the interval holds the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal, stats

from semphase.errors import SemphaseError, Undefined
from semphase.stats.blocks import (
    BLOCK,
    LEAST,
    BlockLosses,
    difference_estimate,
    draw_blocks,
    in_blocks,
    mean_draws,
    paired_test,
    ratio_estimate,
)
from semphase.stats.interval import ends, expanded, expansion
from semphase.stats.signs import sign_flip_p

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


@given(SEEDS)
def test_a_draw_is_the_mean_over_its_tokens(seed):
    rng = np.random.default_rng(seed)
    sums, counts = rng.exponential(200, (2, 3, 7)), rng.integers(32, 96, 7)
    index = draw_blocks(counts, 20, rng)
    found = mean_draws(sums, counts, index)
    assert found.shape == (2, 3, 20)
    for draw, drawn in enumerate(index):
        slow = sum(sums[..., block] for block in drawn) / sum(counts[block] for block in drawn)
        np.testing.assert_allclose(found[..., draw], slow, rtol=1e-12)


def test_the_factor_is_that_of_student():
    # t(0.975, 15) = 2.1314 and z(0.975) = 1.9600 by the usual tables.
    assert expansion(16) == pytest.approx(math.sqrt(16 / 15) * 2.1314 / 1.9600, abs=1e-4)
    assert expansion(10**6) == pytest.approx(1, abs=1e-5)
    point, draws = np.array([1.0, 2.0]), np.array([[1.0, 1.5], [2.0, 1.0]])
    factor = expansion(4)
    np.testing.assert_allclose(expanded(point, draws, 4), [[1, 1 + 0.5 * factor], [2, 2 - factor]])


@given(SEEDS)
def test_equal_losses_have_ratio_one_without_width(seed):
    rng = np.random.default_rng(seed)
    sums, counts = in_blocks(rng.exponential(3, (2, 200)))
    ratio = ratio_estimate(sums, sums, counts, draws=50, rng=rng)
    assert (ratio.low, ratio.value, ratio.high) == (1, 1, 1)
    nothing = difference_estimate(np.zeros(len(counts)), counts, draws=50, rng=rng)
    assert (nothing.low, nothing.value, nothing.high) == (0, 0, 0)


@given(SEEDS, st.floats(-1, 1))
def test_a_constant_change_has_its_ratio_and_no_width(seed, nats):
    losses = np.random.default_rng(seed).exponential(3, (2, 200))
    (base, counts), (changed, _) = in_blocks(losses), in_blocks(losses + nats)
    found = ratio_estimate(changed, base, counts, draws=50, rng=np.random.default_rng(seed))
    np.testing.assert_allclose([found.low, found.value, found.high], np.exp(nats), rtol=1e-10)


@given(SEEDS, st.floats(0.1, 10))
def test_differences_scale(seed, scale):
    values, counts = in_blocks(np.random.default_rng(seed).normal(size=(2, 300)))
    one, other = (
        difference_estimate(factor * values, counts, draws=50, rng=np.random.default_rng(0)) for factor in (1, scale)
    )
    np.testing.assert_allclose([other.low, other.value, other.high], scale * np.array([one.low, one.value, one.high]))


def test_estimates_agree_with_each_other_and_say_how_they_were_made():
    rng = np.random.default_rng(0)
    base = rng.exponential(3, (2, 1023))
    (before, counts), (after, _) = in_blocks(base), in_blocks(base + rng.normal(0.1, 0.5, base.shape))
    ratio = ratio_estimate(after, before, counts, draws=300, rng=np.random.default_rng(1))
    nats = difference_estimate(after - before, counts, draws=300, rng=np.random.default_rng(1))
    assert ratio.value == pytest.approx(BlockLosses(after, counts).perplexity / BlockLosses(before, counts).perplexity)
    # The percentile of two neighbouring draws is interpolated before or after the exponential.
    np.testing.assert_allclose(np.log([ratio.low, ratio.high]), [nats.low, nats.high], atol=1e-5)
    assert ratio.method == (
        "percentile paired bootstrap of contiguous blocks of 64 token losses, 32 blocks, 300 draws, "
        "expanded by Student's t (Hesterberg 2015)"
    )
    assert (ratio.n, ratio.unit, nats.unit) == (2046, "", "nats")
    perplexity = ratio_estimate(before, np.zeros_like(before), counts, draws=300, rng=np.random.default_rng(1))
    assert perplexity.value == pytest.approx(np.exp(base.mean()))
    # The same text twice: pairing removes its variance.
    assert math.log(ratio.high / ratio.low) < 0.5 * math.log(perplexity.high / perplexity.low)


def test_one_block_or_a_broken_loss_is_an_error():
    sums, counts = in_blocks(np.ones((1, 80)))
    with pytest.raises(SemphaseError, match="80 losses in 1; give a longer --corpus"):
        ratio_estimate(sums, sums, counts, draws=10, rng=np.random.default_rng(0))
    with pytest.raises(SemphaseError, match="give a longer --corpus"):
        paired_test(sums, sums, counts)
    with pytest.raises(SemphaseError, match="at least two tokens"):
        in_blocks(np.ones((2, 0)))
    with pytest.raises(Undefined, match="not finite"):
        difference_estimate(np.array([1, np.inf]), np.array([64, 64]), draws=10, rng=np.random.default_rng(0))


def autocorrelated(rho: float, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Stationary AR(1) along the last axis, variance 1, mean 0, chunks independent."""
    noise = math.sqrt(1 - rho**2) * rng.normal(size=shape)
    noise[..., 0] = rng.normal(size=shape[:-1])
    return np.asarray(signal.lfilter([1], [1, -rho], noise, axis=-1))


def covered(differences: np.ndarray, counts: np.ndarray, draws: int, rng: np.random.Generator) -> float:
    """How often the interval of each row [run, block] holds the true mean 0; runs share the drawn indices."""
    point = BlockLosses(differences, counts).mean
    drawn = mean_draws(differences, counts, draw_blocks(counts, draws, rng))
    low, high = ends(expanded(point, drawn, len(counts)))
    return float(np.mean((low <= 0) & (high >= 0)))


@pytest.mark.parametrize(("chunks", "blocks", "runs"), [(1, 16, 1500), (2, 32, 1500), (16, 256, 600)])
@pytest.mark.parametrize("rho", [0.3, 0.6])
def test_the_interval_covers_dependent_losses(chunks, blocks, runs, rho):
    rng = np.random.default_rng(7)
    sums, counts = in_blocks(autocorrelated(rho, (runs, chunks, 1023), rng))
    assert len(counts) == blocks
    # Blocks that touch still depend: their means lack 2ρ/((1 − ρ²)·64) of the variance, 3 % at ρ = 0.6.
    lost = 2 * rho / ((1 - rho**2) * BLOCK)
    expected = 1 - 2 * stats.t.sf(stats.t.ppf(0.975, blocks - 1) * math.sqrt(1 - lost), blocks - 1)
    # Three standard errors of the binomial, and a half in a hundred for percentiles of 1000 draws.
    tolerance = 3 * math.sqrt(0.95 * 0.05 / runs) + 0.005
    rate = covered(sums, counts, 1000, rng)
    assert rate == pytest.approx(expected, abs=tolerance)
    assert 0.92 < rate < 0.98


def test_without_expansion_few_blocks_cover_too_seldom():
    runs, blocks = 2000, 8
    rng = np.random.default_rng(3)
    counts = np.full(blocks, BLOCK)
    sums = rng.normal(size=(runs, blocks)) * BLOCK
    index = draw_blocks(counts, 1000, rng)
    low, high = np.percentile(mean_draws(sums, counts, index), [2.5, 97.5], axis=-1)
    assert np.mean((low <= 0) & (high >= 0)) < 0.92
    assert covered(sums, counts, 1000, rng) == pytest.approx(0.95, abs=3 * math.sqrt(0.95 * 0.05 / runs) + 0.005)


def test_the_paired_test_flips_signs_of_blocks():
    rng = np.random.default_rng(0)
    base = rng.exponential(3, (1, 1023))
    (better, counts), (worse, _) = in_blocks(base), in_blocks(base + rng.normal(0.2, 0.5, base.shape))
    assert paired_test(worse, better, counts) == pytest.approx(sign_flip_p(worse - better))
    assert paired_test(worse, better, counts) < 0.01
    assert paired_test(better, worse, counts) > 0.99
    assert paired_test(better, better, counts) == 1
