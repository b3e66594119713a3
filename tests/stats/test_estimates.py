"""Estimates for any claim: known values, agreement with SciPy and loops, refusals, and how often intervals hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
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
WORLDS = 400
# The fewest of 400 worlds at which an exact binomial test at 0.001 does not reject a coverage of 93 %.
LEAST = int(stats.binom.ppf(0.001, WORLDS, 0.93))


def spread(x):
    return x.std(axis=-1, ddof=1)


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


def test_a_mean_agrees_with_a_loop_over_its_draws():
    values, clusters = np.random.default_rng(3).exponential(size=40), np.repeat(np.arange(16), [1, 2, 3, 4] * 4)
    found = mean(values, clusters=clusters, seed=5)
    own = [values[clusters == label] for label in range(16)]

    def of(chosen):
        sums, counts = np.array([c.sum() for c in chosen]), np.array([len(c) for c in chosen])
        centre = sums.sum() / counts.sum()
        return centre, math.sqrt(16 / 15 * ((sums - centre * counts) ** 2).sum()) / counts.sum()

    point, error = of(own)
    drawn = [of([own[c] for c in row]) for row in np.random.default_rng(5).integers(0, 16, size=(4999, 16))]
    t = [(centre - point) / spread for centre, spread in drawn]
    low, high = -np.quantile(np.negative(t), 0.975, method="inverted_cdf"), np.quantile(t, 0.975, method="inverted_cdf")
    reach = stats.t.ppf(0.975, 15)
    np.testing.assert_allclose(
        ends(found), [point - max(high, reach) * error, point, point + max(-low, reach) * error], rtol=1e-9
    )
    assert found.method == "mean, studentised bootstrap of 16 clusters of 40 prompts"


def test_bca_agrees_with_scipy():
    x = np.random.default_rng(1).gamma(2, size=60)
    reach = math.sqrt(60 / 59) * stats.t.ppf(0.975, 59)
    theirs = stats.bootstrap(
        (x,), lambda d, axis: d.std(axis=axis, ddof=1), n_resamples=60_000, method="BCa",
        confidence_level=1 - 2 * stats.norm.cdf(-reach), rng=np.random.default_rng(2),
    ).confidence_interval  # fmt: skip
    found = estimate(spread, x)
    # Of 4999 draws the tail's quantile scatters by √(0.02 · 0.98/4999)/density, 3 % of the interval's length.
    width = theirs.high - theirs.low
    np.testing.assert_allclose([found.low, found.high], [theirs.low, theirs.high], atol=0.1 * width)


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


def test_unequal_clusters_are_redrawn_whole():
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
    for successes, method in ((0, "beta"), (3, "wilson"), (20, "beta")):
        flags = np.arange(20) < successes
        found = share(flags)
        np.testing.assert_allclose(
            [found.low, found.high], proportion_confint(successes, 20, method=method), atol=1e-12
        )
        assert found.value == successes / 20
    assert "20 prompts" in share(np.ones(20)).method


def test_flags_that_are_shared_by_a_cluster_count_once():
    flags, labels = np.repeat([1, 1, 1, 0, 0, 1, 0, 1, 1, 0], 5), np.repeat(np.arange(10), 5)
    found, few = share(flags, clusters=labels), share(flags[::5])
    # The cluster variance has n − 1 in its denominator, so the effective number is one below that of clusters.
    np.testing.assert_allclose([found.low, found.high], proportion_confint(0.6 * 9, 9, method="wilson"))
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
        "ratio of perplexities, studentised bootstrap of 12 blocks", "12 documents",
    )  # fmt: skip
    same = perplexity_ratio(base, base)
    assert ends(same) == [1, 1, 1]


def test_a_data_array_gives_its_prompts():
    values = np.random.default_rng(0).normal(size=(20, 3))
    array = xr.DataArray(values, dims=("prompt", "layer"))
    assert ends(estimate(lambda x: x.max(axis=-2).mean(axis=-1), array)) == ends(
        estimate(lambda x: x.max(axis=-2).mean(axis=-1), values.T)
    )
    assert ends(mean(array[:, 0])) == ends(mean(values[:, 0].tolist()))


def test_equal_values_say_that_nothing_varied():
    found = mean(np.full(7, 0.3))
    assert ends(found) == [0.3] * 3
    assert found.method.endswith("all alike")


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
        (lambda: estimate(lambda x: x.max(axis=-1), np.arange(9.0)), "use worst, largest or best_of"),
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


def normal(rng, *shape):
    return rng.normal(size=shape)


def heavy(rng, *shape):
    return rng.standard_t(3, size=shape)


def skewed(rng, *shape):
    return rng.lognormal(size=shape) - math.exp(0.5)


def holds(found, truth):
    return found.low <= truth <= found.high


@pytest.mark.slow
@pytest.mark.parametrize(("world", "n"), [(normal, 5), (normal, 20), (heavy, 20), (skewed, 50)])
def test_the_interval_of_a_mean_covers(world, n):
    rng = np.random.default_rng(0)
    assert sum(holds(mean(world(rng, n)), 0) for _ in range(WORLDS)) >= LEAST


@pytest.mark.parametrize("world", [normal, heavy])
def test_the_interval_of_clustered_values_covers(world):
    rng, labels = np.random.default_rng(1), np.repeat(np.arange(20), np.tile([1, 3, 5, 7], 5))
    held = [holds(mean(normal(rng, 20)[labels] + world(rng, 80), clusters=labels), 0) for _ in range(WORLDS)]
    assert sum(held) >= LEAST


@pytest.mark.parametrize("p", [0.1, 0.5, 0.97])
def test_the_interval_of_a_share_covers(p):
    rng = np.random.default_rng(2)
    assert sum(holds(share(rng.random(50) < p), p) for _ in range(WORLDS)) >= LEAST


@pytest.mark.slow
@pytest.mark.parametrize(("n", "rho"), [(12, 0.0), (20, 0.6), (50, 0.9)])
def test_the_interval_of_a_correlation_covers(n, rho):
    rng, held = np.random.default_rng(3), 0
    for _ in range(WORLDS // 2):
        a, noise = normal(rng, 2, n)
        held += holds(correlation(a, rho * a + math.sqrt(1 - rho**2) * noise), rho)
    assert held >= stats.binom.ppf(0.001, WORLDS // 2, 0.93)


def test_the_interval_of_a_perplexity_ratio_covers():
    rng, held = np.random.default_rng(4), 0
    for _ in range(WORLDS):
        base = rng.exponential(3, (16, 64))
        held += holds(perplexity_ratio(base + 0.2 + 0.3 * heavy(rng, 16, 64), base), math.exp(0.2))
    assert held >= LEAST


@pytest.mark.slow
@pytest.mark.parametrize("gap", [0.0, 0.3])
def test_the_interval_of_the_worst_of_many_covers_and_mirrors(gap):
    rng, held = np.random.default_rng(5), 0
    truth = gap * np.arange(8)[:, None]
    for _ in range(WORLDS):
        shared = heavy(rng, 20)
        values = truth + shared + normal(rng, 8, 20)
        found = worst(values)
        held += holds(found, 0)
    assert held >= LEAST
    mirrored = largest(-values)
    assert ends(mirrored) == [-found.high, -found.value, -found.low]


def test_the_margin_of_the_best_covers():
    rng, held = np.random.default_rng(6), 0
    for _ in range(WORLDS):
        values = np.array([[0.3], [0.0], [0.0], [-0.2]]) + skewed(rng, 30) + normal(rng, 4, 30)
        held += holds(best_of(values), 0.3)
    assert held >= LEAST


@pytest.mark.parametrize(("a", "b"), [(1.0, 0.0), (-1.0, 0.0), (2.0, 1.0)])
def test_a_perfect_correlation_is_one(a, b):
    x = np.random.default_rng(0).normal(size=20)
    found = correlation(x, a * x + b)
    assert (found.low, found.value, found.high) == pytest.approx((np.sign(a),) * 3)
