"""Estimates for any claim: known values, agreement with SciPy and loops, refusals, and how often intervals hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats
from statsmodels.stats.proportion import proportion_confint

from semphase.errors import SemphaseError, Undefined
from semphase.stats.blocks import BlockLosses
from semphase.stats.estimates import (
    best_of,
    correlation,
    difference,
    estimate,
    largest,
    mean,
    perplexity_ratio,
    share,
    worst,
)

SEEDS = st.integers(0, 2**32 - 1)


def spread(x):
    return x.std(axis=-1, ddof=1)


def middle(x):
    return x.mean(axis=-1)


def ends(found):
    return [found.low, found.value, found.high]


@given(SEEDS)
def test_values_are_those_of_the_samples(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, 12))
    rows = rng.normal(size=(4, 12))
    margins = rows[2].mean() - np.delete(rows, 2, axis=0).mean(axis=1)
    for found, value in (
        (mean(a), a.mean()),
        (difference(a, b), (a - b).mean()),
        (correlation(a, b), np.corrcoef(a, b)[0, 1]),
        (worst(rows), rows.mean(axis=1).min()),
        (largest(rows), rows.mean(axis=1).max()),
        (best_of(rows, candidate=2), margins.min()),
        (estimate(spread, a), a.std(ddof=1)),
    ):
        assert found.value == pytest.approx(value)
        assert found.low < found.value < found.high
        assert found.n == 12


@given(SEEDS, st.floats(0.1, 10), st.floats(-5, 5))
def test_means_move_with_their_values(seed, scale, shift):
    values = np.random.default_rng(seed).normal(size=15)
    np.testing.assert_allclose(
        ends(mean(scale * values + shift)), scale * np.array(ends(mean(values))) + shift, 1e-6, 1e-9
    )


@given(SEEDS)
def test_no_end_of_a_mean_is_nearer_than_students(seed):
    values = np.random.default_rng(seed).exponential(size=9)
    found, theirs = mean(values), stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert found.low <= theirs.low + 1e-9
    assert found.high >= theirs.high - 1e-9


def by_hand(point, deviations, freedom=None):
    """Both ends by Hall's transformation, its inverse found by bisection, but for Student's where that is wider."""
    n = len(deviations)
    error = np.std(deviations, ddof=1) / math.sqrt(n)
    skewness = stats.skew(deviations, bias=False) / math.sqrt(n)
    student = stats.t.ppf(0.975, n - 1 if freedom is None else freedom)

    def transformed(t, skew):
        return t + skew / 3 * t**2 + skew**2 / 27 * t**3 + skew / 6

    def reach(skew):
        return max(student, optimize.brentq(lambda t: transformed(t, skew) - student, -1e3, 1e3, xtol=1e-12))

    return [point - reach(skewness) * error, point, point + reach(-skewness) * error]


def test_a_mean_agrees_with_one_made_by_hand():
    values, clusters = np.random.default_rng(3).exponential(size=40), np.repeat(np.arange(16), [1, 2, 3, 4] * 4)
    np.testing.assert_allclose(ends(mean(values)), by_hand(values.mean(), values), rtol=1e-9)
    own = [values[clusters == label] for label in range(16)]
    # Without a cluster of m values the mean moves by its residual over the 40 − m that stay.
    residuals = np.array([15 * (each.sum() - values.mean() * len(each)) / (40 - len(each)) for each in own])
    found = mean(values, clusters=clusters)
    evenly = 40**2 / sum(len(each) ** 2 for each in own)
    np.testing.assert_allclose(ends(found), by_hand(values.mean(), residuals, evenly - 1), rtol=1e-9)
    assert found.method == "mean, skewness-corrected t over 16 clusters of 40 prompts"


def test_any_statistic_takes_pseudovalues_on_the_scale_of_its_range():
    x = np.random.default_rng(1).gamma(2, size=30)
    left = np.array([np.delete(x, i).std(ddof=1) for i in range(30)])
    pseudo = 30 * np.log(x.std(ddof=1)) - 29 * np.log(left)
    found = estimate(spread, x, within=(0, math.inf))
    np.testing.assert_allclose(ends(found), np.exp(by_hand(np.log(x.std(ddof=1)), pseudo)), rtol=1e-9)
    plain = 30 * x.std(ddof=1) - 29 * left
    np.testing.assert_allclose(ends(estimate(spread, x)), by_hand(x.std(ddof=1), plain), rtol=1e-9)


def test_the_mean_as_a_statistic_is_the_mean():
    x, labels = np.random.default_rng(2).normal(size=24), np.repeat(np.arange(8), 3)
    for clusters in (None, labels):
        found = estimate(lambda x: x.mean(axis=-1), x, clusters=clusters)
        np.testing.assert_allclose(ends(found), ends(mean(x, clusters=clusters)), rtol=1e-9)


def test_clusters_of_one_change_nothing_and_whole_clusters_widen():
    rng = np.random.default_rng(0)
    each = np.repeat(rng.normal(size=10), 6) + 0.01 * rng.normal(size=60)
    labels = np.repeat([f"word {i}" for i in range(10)], 6)
    for function in (mean, lambda x, **k: estimate(spread, x, **k)):
        assert ends(function(each)) == ends(function(each, clusters=np.arange(60)))
        alone, together = function(each), function(each, clusters=labels)
        # Six copies carry the information of one: the interval is about √6 wider, and Student's t for 9 adds to it.
        assert together.high - together.low > 1.8 * (alone.high - alone.low)
        assert together.n == 10


def test_unequal_clusters_are_left_out_whole():
    # In the labels of a draw every cluster appears a whole number of times: the statistic would be undefined if not.
    sizes = np.array([1, 2, 3, 4, 5, 6, 6, 5])
    labels, values = np.repeat(np.arange(8), sizes), np.random.default_rng(0).normal(size=32)
    found = estimate(whole_clusters, values, labels.astype(float), clusters=labels)
    assert (found.n, found.value) == (8, pytest.approx(values.mean()))


def whole_clusters(x, label):
    sizes = np.array([1, 2, 3, 4, 5, 6, 6, 5])
    times = (label[..., None] == np.arange(8)).sum(axis=-2) / sizes
    return np.where((times == np.round(times)).all(axis=-1), x.mean(axis=-1), np.nan)


def test_shares_take_the_intervals_of_statsmodels():
    for successes in (0, 3, 20):
        flags = np.arange(20) < successes
        found = share(flags)
        np.testing.assert_allclose(
            [found.low, found.high], proportion_confint(successes, 20, method="beta"), atol=1e-12
        )
        assert found.value == successes / 20
    assert "20 prompts" in share(np.ones(20)).method


def test_flags_that_are_shared_by_a_cluster_count_once():
    flags, labels = np.repeat([1, 1, 1, 0, 0, 1, 0, 1, 1, 0], 5), np.repeat(np.arange(10), 5)
    found, few = share(flags, clusters=labels), share(flags[::5])
    # A cluster of true flags and one of false are added; Student's level for nine degrees of freedom takes more.
    sums = np.append(5 * flags[::5], (5, 0))
    centre = sums.sum() / 60
    error = 12 / 11 * ((sums - 5 * centre) ** 2).sum() / 60**2
    alone = centre * (1 - centre) / error * 10 / 12 * (stats.t.ppf(0.975, 49) / stats.t.ppf(0.975, 9)) ** 2
    np.testing.assert_allclose([found.low, found.high], proportion_confint(0.6 * alone, alone, method="beta"))
    assert found.n == few.n == 10
    certain = share(np.ones(50), clusters=labels)
    assert certain.low == pytest.approx(share(np.ones(10)).low)


def test_perplexity_ratios_agree_between_blocks_and_padded_arrays():
    rng = np.random.default_rng(0)
    base = rng.exponential(3, (12, 9))
    base[3, 5:] = np.nan
    changed = base + rng.normal(0.1, 0.2, base.shape)
    counts = (~np.isnan(base)).sum(axis=1)
    found = perplexity_ratio(changed, base, over="documents")
    blocks = perplexity_ratio(*(BlockLosses(np.nansum(x, axis=1), counts) for x in (changed, base)))
    assert ends(found) == ends(blocks)
    assert found.value == pytest.approx(np.exp(np.nanmean(changed) - np.nanmean(base)))
    assert (blocks.method, found.method[-12:]) == (
        "ratio of perplexities, skewness-corrected t over 12 blocks", "12 documents",
    )  # fmt: skip
    same = perplexity_ratio(base, base)
    assert ends(same) == [-math.inf, 1, math.inf]


def test_a_data_array_gives_its_prompts():
    values = np.random.default_rng(0).normal(size=(20, 3))
    array = xr.DataArray(values, dims=("prompt", "layer"))
    assert ends(estimate(lambda x: x.max(axis=-2).mean(axis=-1), array)) == ends(
        estimate(lambda x: x.max(axis=-2).mean(axis=-1), values.T)
    )
    assert ends(mean(array[:, 0])) == ends(mean(values[:, 0].tolist()))


def test_equal_values_say_nothing_of_their_spread():
    alike = np.full(7, 0.3)
    rows = np.stack([alike, np.arange(7.0)])
    for found in (
        mean(alike),
        worst(rows[:1]),
        difference(np.arange(7), np.arange(7) + 1),
        perplexity_ratio(rows, rows),
    ):
        assert (found.low, found.high) == (-math.inf, math.inf)
        assert "not all alike" in found.lacks
    lowest = worst(rows)
    assert (lowest.low, lowest.lacks) == (-math.inf, "")
    assert lowest.value < lowest.high < math.inf
    assert lowest.method.endswith("; 1 without spread, of which nothing is known")


@given(SEEDS)
def test_rounding_is_no_spread_and_a_far_origin_hides_none(seed):
    z = np.random.default_rng(seed).normal(size=10)
    for found in (best_of([z + 0.1, z]), difference(0.3 * z / 0.1, 3 * z), perplexity_ratio(
        np.stack([0.3 * z / 0.1] * 2).T, np.stack([3 * z] * 2).T
    )):  # fmt: skip
        assert "not all alike" in found.lacks
    assert mean(1e9 + 1e-3 * np.arange(10)).lacks == ""


def test_clusters_that_weigh_unevenly_are_told():
    x = np.random.default_rng(0).normal(size=23)
    found = mean(x, clusters=np.repeat(np.arange(4), [20, 1, 1, 1]))
    assert found.lacks == "clusters of prompts that weigh more evenly: these count like 1.3"
    assert estimate(middle, x, clusters=np.repeat(np.arange(4), [20, 1, 1, 1])).lacks == found.lacks


def test_rare_flags_that_never_meet_do_not_correlate():
    a, b = (np.isin(np.arange(26), own) for own in (range(5), range(5, 10)))
    found = correlation(a, b)
    assert found.low < 0 < found.high  # Fisher's exact p is 0.55


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_few_units_lack_some(n):
    x, y = np.random.default_rng(0).normal(size=(2, n))
    lacks = "" if n >= 4 else "4 words at least"
    for found in (mean(x, over="words"), estimate(middle, x, over="words"), correlation(x, y, over="words")):
        assert found.lacks == lacks
    assert worst(np.stack([x, y]), over="words").lacks == "6 words at least"
    assert share(x > 0, over="words").lacks == lacks
    clusters = np.repeat(np.arange(n), 2)
    assert mean(np.repeat(x, 2), clusters=clusters).lacks == lacks.replace("words", "clusters of prompts")


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: mean([1.0]), "mean needs at least two prompts to resample and got 1"),
        (lambda: mean(np.ones((3, 2))), r"mean takes values \[unit\] and got an array of shape \(3, 2\)"),
        (lambda: mean([1.0, np.nan, 2.0]), "mean met 1 of 3 values that are not finite"),
        (lambda: mean(["a", "b"]), "mean takes numbers"),
        (lambda: mean([1.0, 2.0], over="tokens"), "mean resamples over one of prompts, words, .*, not 'tokens'"),
        (lambda: mean([1.0, 2.0, 3.0], clusters=[1, 2]), "one cluster label for each of the 3 prompts"),
        (lambda: mean([1.0, 2.0, 3.0], clusters=[1, 1, 1]), "at least two clusters of prompts to resample and got 1"),
        (lambda: difference([1.0, 2.0], [1.0, 2.0, 3.0]), "difference pairs its samples .* got 2 and 3 values"),
        (lambda: share([0.5, 1.0]), "share takes flags"),
        (lambda: correlation([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]), "correlation is not defined"),
        (lambda: worst([1.0, 2.0]), r"worst takes values \[unit, sample\]"),
        (lambda: best_of([[1.0, 2.0]]), "best_of needs a rival"),
        (lambda: perplexity_ratio(np.ones((3, 2)), np.ones((3, 3))), "on the same tokens"),
        (lambda: perplexity_ratio(np.ones(3), np.ones(3)), r"token losses \[unit, position\]"),
        (lambda: estimate(spread, [1.0, 2.0], [1.0]), r"samples with the same units .* sizes \[1, 2\]"),
        (lambda: estimate(3.0, np.arange(5.0)), "takes a function"),
        (lambda: estimate(lambda x: x.mean(), np.arange(5.0)), "must keep the draws in front"),
        (
            lambda: estimate(lambda x: x.max(axis=-1), np.arange(9.0)),
            "rests on one of 9 prompts, an extreme; use worst, largest or best_of",
        ),
    ],
)
def test_what_cannot_be_estimated_is_told_in_one_sentence(call, sentence):
    with pytest.raises(SemphaseError, match=sentence) as problem:
        call()
    assert "\n" not in str(problem.value)


def test_a_statistic_that_captures_a_value_is_refused():
    kept = 2.0
    with pytest.raises(SemphaseError, match=r"the lambda, which .* kept"):
        estimate(lambda x: kept * x.mean(axis=-1), np.arange(5.0))
    with pytest.raises(Undefined, match="nan"):
        estimate(lambda x: np.full(len(x), np.nan), np.arange(5.0))


@pytest.mark.parametrize(("a", "b"), [(1.0, 0.0), (-1.0, 0.0), (2.0, 1.0)])
def test_a_perfect_correlation_has_no_interval(a, b):
    x = np.random.default_rng(0).normal(size=20)
    with pytest.raises(Undefined, match="no number inside its range"):
        correlation(x, a * x + b)
