"""Ratios to one baseline, what a curve shows, super-additivity and the pattern over layers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from semphase.science.heads.pareto import importance, layer_pattern, removable, super_additivity
from semphase.stats.blocks import BlockLosses
from semphase.stats.ratios import ratios

COUNTS = np.array([64] * 15 + [63])


def losses(rng: np.random.Generator, *lead: int) -> BlockLosses:
    return BlockLosses(rng.gamma(9.0, 0.3, size=(*lead, len(COUNTS))) * COUNTS, COUNTS)


def test_ratios_are_those_of_the_perplexities() -> None:
    rng = np.random.default_rng(0)
    changed, baseline = losses(rng, 4), losses(rng)
    found = ratios(changed, baseline, 300, rng)
    np.testing.assert_allclose(found.values, changed.perplexity / baseline.perplexity, rtol=1e-12)
    for i in range(4):
        estimate = found.estimate(i)
        assert estimate.low < estimate.value < estimate.high
        assert estimate.n == COUNTS.sum()


def test_all_conditions_share_their_blocks() -> None:
    rng = np.random.default_rng(1)
    one, baseline = losses(rng), losses(rng)
    doubled = BlockLosses(np.stack([one.sums, one.sums + 0.5 * COUNTS]), COUNTS)
    found = ratios(doubled, baseline, 200, rng)
    np.testing.assert_allclose(found.draws[1] / found.draws[0], np.exp(0.5), rtol=1e-9)


def test_the_best_is_the_lowest_in_every_draw() -> None:
    rng = np.random.default_rng(2)
    found = ratios(losses(rng, 3), losses(rng), 200, rng)
    assert found.best().value == found.values.min()
    assert found.best([2]).value == found.values[2]
    assert found.best().high <= min(found.estimate(i).high for i in range(3))


@given(st.lists(st.floats(0.9, 1.3), min_size=1, max_size=12))
def test_removable_is_the_last_count_before_the_first_excess(values: list[float]) -> None:
    counts = list(range(5, 5 * len(values) + 1, 5))
    slow = 0
    for count, value in zip(counts, values, strict=True):
        if value >= 1.1:
            break
        slow = count
    assert removable(counts, np.array(values)) == slow


def test_importance_is_the_change_of_perplexity() -> None:
    rng = np.random.default_rng(3)
    single, baseline = losses(rng, 5), losses(rng)
    slow = [np.exp(own.sum() / COUNTS.sum()) - np.exp(baseline.sums.sum() / COUNTS.sum()) for own in single.sums]
    np.testing.assert_allclose(importance(single, baseline), slow)


def test_additive_effects_have_no_excess_and_planted_ones_theirs() -> None:
    rng = np.random.default_rng(4)
    baseline, effects = losses(rng), rng.normal(0.01, 0.01, size=(6, len(COUNTS))) * COUNTS
    single = BlockLosses(baseline.sums + effects, COUNTS)
    joint = BlockLosses(baseline.sums + effects.sum(axis=0), COUNTS)
    assert super_additivity(joint, single, baseline, 200, rng).value == pytest.approx(0, abs=1e-12)
    more = BlockLosses(joint.sums + 0.2 * COUNTS, COUNTS)
    found = super_additivity(more, single, baseline, 200, rng)
    assert found.value == pytest.approx(0.2)
    assert found.low == pytest.approx(0.2)  # the same excess in every block


def test_layer_pattern_is_scipys_test_with_the_corrected_effect_size() -> None:
    rng = np.random.default_rng(5)
    values = rng.normal(size=(6, 9)) + np.arange(6)[:, None]
    found = layer_pattern(values, 200, rng)
    h, p = stats.kruskal(*values)
    assert (found.h, found.p) == (h, p)
    assert found.epsilon2.value == pytest.approx((h - 6 + 1) / (54 - 6))
    assert found.epsilon2.low > 0
    assert found.deep > found.shallow


def test_without_a_pattern_the_effect_size_is_zero_on_average() -> None:
    rng = np.random.default_rng(6)
    found = [layer_pattern(rng.normal(size=(6, 9)), 2, rng).epsilon2.value for _ in range(200)]
    # ε² has a standard deviation of about √(2·5)/48 = 0.066 under the null.
    assert abs(np.mean(found)) < 4 * 0.066 / np.sqrt(200)


def test_constant_importance_has_no_pattern() -> None:
    found = layer_pattern(np.ones((4, 3)), 50, np.random.default_rng(0))
    assert (found.p, found.epsilon2.value) == (1.0, 0.0)
