"""Ratios to one baseline, what a curve shows, super-additivity and the pattern over layers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from semphase.science.heads.pareto import holm, importance, layer_pattern, removable, super_additivity
from semphase.stats.blocks import BlockLosses
from semphase.stats.ratios import ratios

COUNTS = np.array([64] * 15 + [63])


def losses(rng: np.random.Generator, *lead: int) -> BlockLosses:
    return BlockLosses(rng.gamma(9.0, 0.3, size=(*lead, len(COUNTS))) * COUNTS, COUNTS)


def test_ratios_are_those_of_the_perplexities() -> None:
    rng = np.random.default_rng(0)
    changed, baseline = losses(rng, 4), losses(rng)
    found = ratios(changed, baseline)
    np.testing.assert_allclose(found.values, changed.perplexity / baseline.perplexity, rtol=1e-12)
    for i in range(4):
        estimate = found.estimate(i)
        assert estimate.low < estimate.value < estimate.high
        assert (estimate.population, estimate.units) == (("text",), (len(COUNTS),))


def test_all_conditions_share_their_blocks() -> None:
    rng = np.random.default_rng(1)
    one, baseline = losses(rng), losses(rng)
    doubled = BlockLosses(np.stack([one.sums, one.sums + 0.5 * COUNTS]), COUNTS)
    found = ratios(doubled, baseline)
    np.testing.assert_allclose(found.without[1] - found.without[0], 0.5, rtol=1e-9)


def test_the_best_is_the_lowest_and_each_has_bounds() -> None:
    rng = np.random.default_rng(2)
    found = ratios(losses(rng, 3), losses(rng))
    assert found.best().value == found.values.min()
    assert found.best([2]).value == found.values[2]
    assert found.best().low == pytest.approx(min(found.estimate(i).low for i in range(3)))


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
    assert super_additivity(joint, single, baseline).value == pytest.approx(0, abs=1e-12)
    excess = 0.2 + rng.normal(0, 0.01, size=len(COUNTS))
    found = super_additivity(BlockLosses(joint.sums + excess * COUNTS, COUNTS), single, baseline)
    assert found.value == pytest.approx(np.average(excess, weights=COUNTS))
    assert found.low < found.value < found.high < 0.22


def test_layer_pattern_is_scipys_test() -> None:
    rng = np.random.default_rng(5)
    values = rng.normal(size=(6, 9)) + np.arange(6)[:, None]
    found = layer_pattern(values)
    assert found.p == stats.kruskal(*values).pvalue
    assert found.epsilon2.low > 0
    assert (found.epsilon2.population, found.epsilon2.units) == (("heads",), (54,))
    assert found.deep > found.shallow


def test_without_a_pattern_the_interval_holds_zero() -> None:
    rng = np.random.default_rng(6)
    found = [layer_pattern(rng.normal(size=(6, 9))).epsilon2.low for _ in range(200)]
    # One-sided at 2.5 %: 5 of 200, four standard errors 8.8.
    assert sum(low > 0 for low in found) <= 14


def test_a_measurement_error_widens_the_pattern() -> None:
    rng = np.random.default_rng(5)
    values = rng.normal(size=(6, 9)) + 0.5 * np.arange(6)[:, None]
    exact, same = layer_pattern(values), layer_pattern(values, error=0.0, rng=np.random.default_rng(0))
    assert same == exact
    lows, p = [], []
    for error in (0.05, 0.5, 5.0):
        found = layer_pattern(values, error=error, rng=np.random.default_rng(0))
        own, of = found.epsilon2, exact.epsilon2
        assert (own.value, own.low <= of.low, own.high >= of.high) == (of.value, True, True)
        assert own.sampling is not None
        # p-values agree with the interval, as every estimate's do.
        assert own.low == 0 or own.sampling.p_above(own.low) == pytest.approx(0.025, rel=0.01)
        assert own.sampling.p_below(own.high) == pytest.approx(0.025, rel=0.01)
        lows.append(own.low)
        p.append(found.p)
    assert lows[0] > lows[1] >= lows[2]
    assert exact.p < p[0] < p[1] < p[2]


def test_constant_importance_has_no_pattern() -> None:
    found = layer_pattern(np.ones((4, 3)))
    assert found.p == 1.0
    assert found.epsilon2.lacks


@pytest.mark.parametrize(
    ("p", "other", "corrected"), [(0.01, 0.2, 0.02), (0.03, 0.01, 0.03), (0.03, 0.02, 0.04), (0.8, 0.9, 1)]
)
def test_holm_is_that_of_statsmodels(p: float, other: float, corrected: float) -> None:
    assert holm(p, other) == pytest.approx(corrected)
    assert holm(p, other) == pytest.approx(multipletests([p, other], method="holm")[1][0])
