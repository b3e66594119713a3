"""Statistics without each of their units: known values, strata and factors, extremes, positions."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semphase.errors import Undefined
from semphase.stats.estimate import Estimate
from semphase.stats.estimates import estimate, largest, mean, worst
from semphase.stats.left_out import Factor, position, smallest, smooth
from semphase.stats.left_out import largest as largest_left_out
from semphase.stats.level import TAIL

SEEDS = st.integers(0, 2**32 - 1)


def left_out(values: np.ndarray) -> np.ndarray:
    """Means along the last axis without each in turn."""
    n = values.shape[-1]
    return (values.sum(axis=-1, keepdims=True) - values) / (n - 1)


def drawn(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).exponential(size=shape)


def half(found: Estimate) -> float:
    return (found.high - found.low) / 2


# Smooth statistics


@given(SEEDS, st.integers(4, 40))
def test_the_jackknife_of_a_mean_is_the_mean(seed: int, n: int) -> None:
    values = drawn(seed, n)
    found, theirs = smooth(float(values.mean()), Factor("prompts", left_out(values)), what="mean"), mean(values)
    assert (found.low, found.value, found.high) == pytest.approx((theirs.low, theirs.value, theirs.high))
    assert found.p_above(0.9) == pytest.approx(theirs.p_above(0.9), rel=1e-6)
    assert (found.population, found.units, found.n) == (("prompts",), (n,), n)


def pearson(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = (own - own.mean(axis=-1, keepdims=True) for own in (a, b))
    return (a * b).sum(axis=-1) / np.sqrt((a * a).sum(axis=-1) * (b * b).sum(axis=-1))


def test_any_statistic_is_that_of_estimate() -> None:
    a, b = np.random.default_rng(0).normal(size=(2, 30))
    b = a + b
    keep = np.array([np.delete(np.arange(30), own) for own in range(30)])
    found = smooth(float(pearson(a, b)), Factor("words", pearson(a[keep], b[keep])), what="r", within=(-1, 1))
    theirs = estimate(pearson, a, b, over="words", within=(-1, 1))
    assert (found.low, found.value, found.high) == pytest.approx((theirs.low, theirs.value, theirs.high))


def test_an_interval_stays_in_its_range() -> None:
    values = np.array([0.97, 0.99, 0.98, 0.9])
    found = smooth(0.96, Factor("words", left_out(values)), what="share", within=(0, 1))
    assert 0 < found.low < 0.96 < found.high < 1
    at_the_end = smooth(1.0, Factor("words", np.array([1.0, 1.0, 0.9, 1.0])), what="share", within=(0, 1))
    assert at_the_end.high == 1
    assert at_the_end.low < 1


def test_two_factors_add_their_variances() -> None:
    documents, seeds = (np.concatenate([own, -own]) for own in (drawn(1, 20), 3 * drawn(2, 15)))
    value = float(documents.mean() + seeds.mean())
    one = Factor("documents", left_out(documents) + seeds.mean())
    other = Factor("seeds", left_out(seeds) + documents.mean())
    both = smooth(value, one, other, what="sum")
    alone = [smooth(value, own, what="sum") for own in (one, other)]
    assert half(both) == pytest.approx(math.hypot(*map(half, alone)), rel=0.03)
    assert (both.population, both.units) == (("documents", "seeds"), (40, 30))
    assert [len(own) for own in both.sampling.deviations] == [40, 30]


def test_levels_of_strata_are_no_error() -> None:
    """Units are drawn within strata, so that what strata differ by does not widen the interval."""
    strata = np.repeat(np.arange(5), 8)
    values = 0.1 * drawn(3, 40)
    without = np.array([np.mean([own(values, strata, k, s) for s in range(5)]) for k in range(40)])
    flat = smooth(float(values.mean()), Factor("prompts", without, strata), what="mean")
    far = values + 100.0 * strata
    moved = np.array([np.mean([own(far, strata, k, s) for s in range(5)]) for k in range(40)])
    raised = smooth(float(far.mean()), Factor("prompts", moved, strata), what="mean")
    assert half(raised) == pytest.approx(half(flat))
    whole = smooth(float(far.mean()), Factor("prompts", left_out(far)), what="mean")
    assert half(whole) > 50 * half(raised)
    within = sum(values[strata == s].var(ddof=1) / 8 for s in range(5)) / 25
    deviations = raised.sampling.deviations
    assert sum(own.var(ddof=1) / len(own) for own in deviations) == pytest.approx(within)


def own(values: np.ndarray, strata: np.ndarray, left: int, stratum: int) -> float:
    """The mean of a stratum without one unit."""
    return float(values[(strata == stratum) & (np.arange(len(values)) != left)].mean())


def test_the_order_of_units_in_strata_does_not_matter() -> None:
    strata, without = np.repeat([0, 1, 2], 4), drawn(4, 12)
    order = np.random.default_rng(0).permutation(12)
    first = smooth(1.0, Factor("prompts", without, strata), what="s")
    second = smooth(1.0, Factor("prompts", without[order], strata[order]), what="s")
    assert (first.low, first.high) == pytest.approx((second.low, second.high))


def test_too_few_units_say_how_many_are_needed() -> None:
    found = smooth(1.0, Factor("seeds", np.array([0.9, 1.0, 1.1])), Factor("documents", drawn(0, 9)), what="s")
    assert found.lacks == "4 seeds at least"


def test_units_that_do_not_move_it_say_nothing() -> None:
    found = smooth(1.0, Factor("words", np.ones(9)), what="s")
    assert (found.low, found.high, found.lacks) == (-math.inf, math.inf, "words that are not all alike")


@pytest.mark.parametrize(("value", "without"), [(math.nan, 1.0), (1.0, math.nan), (1.0, math.inf)])
def test_what_is_no_number_is_not_defined(value: float, without: float) -> None:
    with pytest.raises(Undefined, match="s is not defined"):
        smooth(value, Factor("words", np.array([1.0, 0.9, without, 1.1])), what="s")


# Extremes


@settings(max_examples=20)
@given(SEEDS)
def test_the_smallest_of_means_is_the_worst(seed: int) -> None:
    rows = drawn(seed, 5, 9)
    found, theirs = smallest(rows.mean(axis=1), Factor("samples", left_out(rows)), what="mean"), worst(rows)
    assert (found.low, found.value, found.high) == pytest.approx((theirs.low, theirs.value, theirs.high))
    most, highest = largest_left_out(rows.mean(axis=1), Factor("samples", left_out(rows)), what="m"), largest(rows)
    assert (most.low, most.value, most.high) == pytest.approx((highest.low, highest.value, highest.high))
    assert found.p_above(0.2) == pytest.approx(theirs.p_above(0.2), rel=1e-4)


@given(SEEDS)
def test_each_row_has_its_bound(seed: int) -> None:
    rows = drawn(seed, 4, 8)
    found = smallest(rows.mean(axis=1), Factor("words", left_out(rows)), what="mean")
    alone = [smooth(float(row.mean()), Factor("words", left_out(row)), what="mean") for row in rows]
    assert found.low == pytest.approx(min(own.low for own in alone))
    assert found.high >= min(own.high for own in alone) - 1e-12


def test_a_row_without_spread_leaves_no_lower_end() -> None:
    rows = np.stack([drawn(0, 9), np.full(9, 5.0)])
    found = smallest(rows.mean(axis=1), Factor("words", left_out(rows)), what="mean")
    assert found.low == -math.inf
    assert "1 without spread" in found.method
    nothing = smallest(np.ones(2), Factor("words", np.ones((2, 9))), what="mean")
    assert nothing.lacks == "words that are not all alike"


def test_pairs_may_share_their_words() -> None:
    rows = drawn(5, 3, 8)
    pairs = rows[[0, 0, 1]] + rows[[1, 2, 2]]
    found = smallest(pairs.mean(axis=1), Factor("prompts", left_out(pairs)), what="sum")
    assert found.value == pytest.approx(pairs.mean(axis=1).min())
    assert found.low < found.value < found.high


# Positions

AT = np.linspace(0, 1, 9)


def curves(gap: float, seed: int = 0, n: int = 16) -> np.ndarray:
    """A peak at 0.5, so much above the rest, [position, unit]."""
    return gap * (AT == 0.5)[:, None] + np.random.default_rng(seed).normal(size=(9, n))


def at_peak(given: np.ndarray) -> Estimate:
    return position(given.mean(axis=1), AT, Factor("words", left_out(given)), what="peak")


def test_a_clear_peak_is_told_to_its_resolution() -> None:
    found = at_peak(curves(20.0))
    assert (found.low, found.value, found.high) == pytest.approx((0.4995, 0.5, 0.5005))
    assert found.p_above(0.3) < TAIL
    assert found.p_below(0.7) < TAIL


def test_a_peak_that_is_not_clear_may_lie_elsewhere() -> None:
    found = at_peak(curves(0.3))
    assert found.low <= 0.25
    assert found.high >= 0.75
    assert found.p_above(0.3) > TAIL


def test_a_rival_that_is_beaten_is_out() -> None:
    given = curves(5.0)
    given[6] += 4.9
    found = at_peak(given)
    assert found.low == pytest.approx(0.4995)
    assert found.high == pytest.approx(0.7505)


@pytest.mark.parametrize("seed", range(5))
def test_the_p_of_a_position_passes_the_tail_at_its_ends(seed: int) -> None:
    found = at_peak(curves(1.5, seed))
    assert found.p_above(found.low - 1e-4) <= TAIL * (1 + 1e-4)
    assert found.p_above(found.low + 1e-4) >= TAIL or found.low + 1e-4 > found.value
    assert found.p_above(-1.0) > 0


def test_one_position_is_no_peak_and_curves_that_do_not_move_say_nothing() -> None:
    with pytest.raises(Undefined, match="a single position"):
        position(np.ones(1), np.zeros(1), Factor("words", np.ones((1, 9))), what="peak")
    found = position(np.arange(9.0), AT, Factor("words", np.repeat(np.arange(9.0)[:, None], 9, axis=1)), what="peak")
    assert found.lacks == "words that are not all alike"


# All of them


RULES = {
    "smooth": lambda rows: smooth(float(rows[0].mean()), Factor("words", left_out(rows[0])), what="s"),
    "smooth, positive": lambda rows: smooth(
        float(rows[0].mean()), Factor("words", left_out(rows[0])), what="s", within=(0, math.inf)
    ),
    "smallest": lambda rows: smallest(rows.mean(axis=1), Factor("words", left_out(rows)), what="s"),
    "largest": lambda rows: largest_left_out(rows.mean(axis=1), Factor("words", left_out(rows)), what="s"),
}


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=10)
@given(SEEDS)
def test_p_at_an_end_is_its_tail(rule: str, seed: int) -> None:
    for found in (RULES[rule](drawn(seed, 4, 9)), RULES[rule](drawn(seed, 4, 9)).mirrored()):
        assert found.p_above(found.low) == pytest.approx(TAIL, rel=1e-3)
        assert found.p_below(found.high) == pytest.approx(TAIL, rel=1e-3)
        assert 0 < found.p_above(-1e12) < 1e-3
        assert 0 < found.p_below(1e12) < 1e-3


@given(SEEDS)
def test_one_row_of_several_is_taken_with_its_units(seed: int) -> None:
    rows = drawn(seed, 3, 7)
    factor = Factor("words", left_out(rows), least="mean")
    np.testing.assert_array_equal(factor.at(1).without, left_out(rows)[1])
    assert replace(factor.at(1), without=left_out(rows)).n == factor.n == 7
