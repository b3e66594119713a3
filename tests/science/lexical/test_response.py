"""f(l), g(l) and their statistics against polyfit, SciPy and plain loops."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from semphase.errors import SemphaseError
from semphase.science.lexical import response as r
from semphase.science.lexical.response import Response, respond, strength_from_final_sigma
from semphase.stats.nested import Nested

SEEDS = st.integers(0, 2**32 - 1)
WORDS, PROMPTS, LAYERS = 4, 20, 9
X = np.arange(LAYERS) / (LAYERS - 1)
# float64 sums of twenty numbers of order one.
CLOSE = 1e-10


def random_sigma(seed: int, *draw: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, size=(*draw, WORDS, PROMPTS, LAYERS))


def random_response(seed: int, *draw: int) -> Response:
    sigma = random_sigma(seed, *draw)
    return respond(sigma, strength_from_final_sigma(sigma))


def of_curves(f: np.ndarray) -> Response:
    """A response with given f; what it was made from is a noise-free line."""
    h = np.broadcast_to(np.linspace(-1, 1, PROMPTS), (*f.shape[:-1], PROMPTS))
    return respond(h[..., None] * f[..., None, :], h)


@given(SEEDS)
@settings(max_examples=25)
def test_slopes_and_r2_are_those_of_polyfit_and_pearson(seed):
    sigma = random_sigma(seed)
    h = np.random.default_rng(seed + 1).uniform(-1, 1, size=(WORDS, PROMPTS))
    found = respond(sigma, h)
    for word, layer in itertools.product(range(WORDS), range(LAYERS)):
        slope, _ = np.polyfit(h[word], sigma[word, :, layer], 1)
        assert found.f[word, layer] == pytest.approx(slope, abs=CLOSE)
        correlation = stats.pearsonr(h[word], sigma[word, :, layer]).statistic
        assert found.r2[word, layer] == pytest.approx(correlation**2, abs=CLOSE)
    np.testing.assert_allclose(found.x, X)


@given(SEEDS)
def test_h_from_the_final_sigma_makes_the_last_layer_true_by_construction(seed):
    sigma = random_sigma(seed)
    found = respond(sigma, strength_from_final_sigma(sigma))
    assert np.abs(found.h).max(axis=-1) == pytest.approx(np.ones(WORDS))
    np.testing.assert_allclose(found.f[:, -1], np.abs(sigma[..., -1]).max(axis=-1), atol=CLOSE)
    np.testing.assert_allclose(found.r2[:, -1], 1, atol=CLOSE)


@pytest.mark.parametrize("noise", [0.0, 3e-8])
def test_r2_is_zero_where_sigma_has_no_variance(noise):
    sigma = random_sigma(0)
    sigma[..., 0] = 0.3 + noise * np.random.default_rng(1).uniform(-1, 1, size=(WORDS, PROMPTS))
    found = respond(sigma, strength_from_final_sigma(sigma))
    np.testing.assert_array_equal(found.r2[:, 0], 0)
    np.testing.assert_allclose(found.f[:, 0], 0, atol=1e-7)
    assert (r.embedding_r2(found) == 0).all()


def test_a_small_variance_above_rounding_counts():
    sigma = random_sigma(0)
    sigma[..., 0] = 1e-5 * sigma[..., -1]
    np.testing.assert_allclose(r.embedding_r2(respond(sigma, strength_from_final_sigma(sigma))), 1, atol=1e-6)


@given(SEEDS)
def test_draws_are_responses_one_by_one(seed):
    whole = random_response(seed, 3)
    for draw in range(3):
        one = respond(whole.sigma[draw], whole.h[draw])
        np.testing.assert_allclose(whole.f[draw], one.f, atol=CLOSE)
        np.testing.assert_allclose(whole.r2[draw], one.r2, atol=CLOSE)


@given(SEEDS, st.permutations(range(PROMPTS)))
def test_the_order_of_prompts_does_not_matter(seed, order):
    sigma = random_sigma(seed)
    found, shuffled = (respond(s, strength_from_final_sigma(s)) for s in (sigma, sigma[:, order]))
    np.testing.assert_allclose(found.f, shuffled.f, atol=CLOSE)
    np.testing.assert_allclose(r.quadratic_gain(found), r.quadratic_gain(shuffled), atol=CLOSE)


def steadiness(found: Response) -> np.ndarray:
    """The variation of the increments up to a layer that is the same for all."""
    return r.increment_variation(r.Rise(found.g[..., :6]))


STATISTICS = [r.increment_correlation, r.separable_share, r.falls, steadiness]
BY_WORD = [r.word_residuals, r.correlations, r.deep_r2, r.embedding_r2]


@pytest.mark.parametrize("statistic", STATISTICS)
@given(seed=SEEDS, order=st.permutations(range(WORDS)))
def test_the_order_of_words_does_not_matter(statistic, seed, order):
    found = random_response(seed)
    shuffled = respond(found.sigma[order], found.h[order])
    np.testing.assert_allclose(statistic(shuffled), statistic(found), atol=CLOSE)


@pytest.mark.parametrize("statistic", STATISTICS + BY_WORD)
@given(seed=SEEDS)
def test_statistics_of_draws_are_those_of_each_draw(statistic, seed):
    drawn = random_response(seed, 4)
    one_by_one = [statistic(respond(sigma, h)) for sigma, h in zip(drawn.sigma, drawn.h, strict=True)]
    np.testing.assert_allclose(statistic(drawn), one_by_one, atol=CLOSE)
    others = np.array([np.delete(np.arange(WORDS), own) for own in range(WORDS)])
    one = respond(drawn.sigma[0], drawn.h[0])
    parts = [respond(one.sigma[kept], one.h[kept]) for kept in others]
    np.testing.assert_allclose(statistic(one.take_words(others)), [statistic(part) for part in parts], atol=CLOSE)


@given(SEEDS, st.floats(0.01, 100))
def test_g_does_not_know_the_scale_of_f(seed, scale):
    f = np.random.default_rng(seed).uniform(0.1, 1, size=(WORDS, LAYERS))
    scaled = f * scale * np.arange(1, WORDS + 1)[:, None]
    np.testing.assert_allclose(r.normalised(scaled), r.normalised(f), atol=CLOSE)
    np.testing.assert_array_equal(r.normalised(f).max(axis=-1), 1)


def test_g_is_undefined_where_f_is_nowhere_positive():
    g = r.normalised(np.array([[-1.0, -2.0, 0.0], [0.0, 2.0, 1.0]]))
    assert np.isnan(g[0]).all()
    np.testing.assert_array_equal(g[1], [0, 1, 0.5])


def test_truncation_drops_two_points_and_rescales():
    np.testing.assert_allclose(r.truncated(np.array([0, 0.4, 0.8, 1.0, 0.9])), [0, 0.5, 1])


@given(SEEDS)
@settings(max_examples=25)
def test_correlations_are_those_of_scipy(seed):
    found = random_response(seed)
    pairs = list(itertools.combinations(range(WORDS), 2))
    expected = [stats.pearsonr(found.f[a], found.f[b]).statistic for a, b in pairs]
    np.testing.assert_allclose(r.pairwise_pearson(found.f), expected, atol=CLOSE)
    np.testing.assert_array_equal(r.correlations(found), r.pairwise_pearson(found.f))
    steps = np.diff(found.f, axis=-1)
    expected = [stats.pearsonr(steps[a], steps[b]).statistic for a, b in pairs]
    assert r.increment_correlation(found) == pytest.approx(np.mean(expected))


def test_a_constant_curve_correlates_with_nothing():
    assert np.isnan(r.pearson(np.ones(5), np.arange(5.0)))


@given(SEEDS)
def test_permuted_increments_are_the_same_increments_in_another_order_in_each_third(seed):
    found = random_response(seed)
    mixed = r.with_permuted_increments(found, np.random.default_rng(seed))
    np.testing.assert_array_equal(mixed.f[:, 0], found.f[:, 0])
    # Eight increments fall into thirds of three, three and two.
    for own, other in zip(
        *(np.split(np.diff(part.f, axis=-1), [3, 6], axis=-1) for part in (mixed, found)), strict=True
    ):
        np.testing.assert_allclose(np.sort(own, axis=-1), np.sort(other, axis=-1), atol=CLOSE)
    assert np.abs(mixed.f - found.f).max() > 0.01


def test_permuted_increments_of_one_shape_keep_the_agreement_of_thirds_alone():
    steps = np.array([0.1, 0.4, 0.1, 0.3, 0.3, 0.3, 0.2, 0.2])
    f = np.linspace(0.5, 1, 30)[:, None] * np.concatenate([[0], steps.cumsum()])
    assert r.increment_correlation(of_curves(f)) == pytest.approx(1)
    values = [
        r.increment_correlation(r.with_permuted_increments(of_curves(f), np.random.default_rng(i))) for i in range(20)
    ]
    between = np.repeat([0.2, 0.3, 0.2], [3, 3, 2])
    # Within a third, orders are independent: what agrees is the variance of its means.
    assert np.mean(values) == pytest.approx(between.var() / steps.var(), abs=0.05)


@given(SEEDS)
def test_leads_are_differences_of_mean_correlations(seed):
    own, *others = (random_response(seed + i) for i in range(3))
    expected = [r.increment_correlation(own) - r.increment_correlation(other) for other in others]
    np.testing.assert_allclose(r.increment_leads(own, *others), expected, atol=CLOSE)


@given(SEEDS)
def test_residuals_by_a_slow_loop(seed):
    found = random_response(seed)
    g = [row / max(row) for row in found.f]
    mean = [sum(column) / WORDS for column in zip(*g, strict=True)]
    expected = [np.sqrt(sum((a - b) ** 2 for a, b in zip(row, mean, strict=True)) / LAYERS) for row in g]
    np.testing.assert_allclose(r.word_residuals(found), expected, atol=CLOSE)


@given(SEEDS)
@settings(max_examples=20)
def test_x_of_six_tenths_is_deep_and_the_last_layer_is_not(seed):
    rng = np.random.default_rng(seed)
    sigma = rng.uniform(-1, 1, size=(WORDS, PROMPTS, 11))
    found = respond(sigma, rng.uniform(-1, 1, size=(WORDS, PROMPTS)))
    np.testing.assert_array_equal(r.deep_r2(found), found.r2[:, 6:10])


def test_the_smallest_median_speaks_of_words():
    sigma = np.random.default_rng(0).uniform(-1, 1, size=(9, PROMPTS, LAYERS))
    data = Nested(respond(sigma, strength_from_final_sigma(sigma)), 9)
    found = r.Medians(r.deep_r2).estimate(data, population="words", what="R²")
    assert found.value == np.median(r.deep_r2(data.point), axis=0).min()
    assert (found.population, found.units) == (("words",), (9,))
    with pytest.raises(SemphaseError, match="speak of words"):
        r.Medians(r.deep_r2).estimate(data, population="prompts")


@given(SEEDS)
@settings(max_examples=25)
def test_the_separable_share_by_polyfit(seed):
    found = random_response(seed)
    fits = np.array([[np.polyfit(found.h[w], found.sigma[w, :, k], 1) for k in range(LAYERS)] for w in range(WORDS)])
    target = found.sigma - fits[:, None, :, 1]
    g = (fits[..., 0] / fits[..., 0].max(axis=1, keepdims=True)).mean(axis=0)
    predicted = found.h[..., None] * fits[..., 0].max(axis=1)[:, None, None] * g
    expected = 1 - np.sum((target - predicted) ** 2) / np.sum((target - target.mean()) ** 2)
    assert r.separable_share(found) == pytest.approx(expected)


def test_a_product_is_separable_and_shapes_of_their_own_are_not():
    assert r.separable_share(of_curves(np.outer([0.3, 0.5, 0.9], X))) == pytest.approx(1)
    apart = np.eye(LAYERS)[[2, 4, 6]] + 1e-3
    assert r.separable_share(of_curves(apart)) < 0.6


def test_falls_of_known_curves():
    f = np.array([[0, 0.5, 1.0, 0.8, 0.6], [0, 0.2, 0.4, 0.36, 0.2]])
    g_mean = np.array([0, 0.5, 1.0, 0.85, 0.55])
    np.testing.assert_allclose(r.falls(of_curves(f)), g_mean[1:-1] - g_mean[-1])


def test_the_variation_of_increments_stops_at_the_peak():
    f = np.array([[0.0, 0.1, 0.4, 1.0, 0.2]])
    steps = np.array([0.1, 0.3, 0.6])
    assert r.increment_variation(r.rise(of_curves(f))) == pytest.approx(stats.variation(steps, ddof=1))
    one_increment = of_curves(np.array([[0.0, 1.0, 0.5, 0.2]]))
    assert np.isnan(r.increment_variation(r.rise(one_increment)))


def test_the_peak_stays_where_it_is_for_all_words():
    f = np.array([[0.0, 0.3, 0.6, 1.0, 0.2], [0.0, 0.3, 0.6, 1.0, 0.2], [0.0, 1.0, 0.2, 0.1, 0.1]])
    rising = r.rise(of_curves(f))
    without = rising.take_words(np.array([[0, 1], [0, 2], [1, 2]]))
    assert without.g.shape == (3, 2, 4)
    means = without.g.mean(axis=-2)
    np.testing.assert_allclose(
        r.increment_variation(without), [stats.variation(np.diff(mean), ddof=1) for mean in means], atol=CLOSE
    )


@given(SEEDS)
@settings(max_examples=25)
def test_the_quadratic_gain_is_the_r2_that_polyfit_gains(seed):
    found = random_response(seed)
    gain = r.quadratic_gain(found)
    for word, layer in itertools.product(range(WORDS), range(LAYERS)):
        h, y = found.h[word], found.sigma[word, :, layer]
        rest = [np.sum((y - np.polyval(np.polyfit(h, y, degree), h)) ** 2) for degree in (1, 2)]
        expected = (rest[0] - rest[1]) / np.sum((y - y.mean()) ** 2)
        assert gain[word, layer] == pytest.approx(expected, abs=1e-8)


def test_no_gain_is_defined_as_zero():
    h = np.tile([-1.0, 1.0], (1, 3))
    two_values = respond(h[..., None] * X, h)
    np.testing.assert_array_equal(r.quadratic_gain(two_values), 0)
    np.testing.assert_allclose(r.quadratic_gain(of_curves(np.outer([0.5], X))), 0, atol=CLOSE)


@pytest.mark.parametrize("slope", [0.0, 0.1, 3.0])
def test_noise_around_a_line_gains_nothing_on_average(slope):
    rng = np.random.default_rng(5)
    h = np.broadcast_to(np.linspace(-1, 1, 20), (4000, 20))
    found = respond(slope * h[..., None] + rng.normal(size=(4000, 20, 2)), h)
    plain, beyond = r.quadratic_gain(found).ravel(), r.gain_beyond_noise(found).ravel()
    error = beyond.std() / np.sqrt(beyond.size)
    assert abs(beyond.mean()) < 3 * error
    assert plain.mean() > 10 * error


def test_a_bend_gains_the_same_where_noise_is_small():
    h = np.linspace(-1, 1, 20)[None]
    found = respond((h + 0.3 * h**2)[..., None] * X, h)
    np.testing.assert_allclose(r.gain_beyond_noise(found), r.quadratic_gain(found), atol=CLOSE)
    flat = respond(np.zeros((1, 20, LAYERS)), h)
    np.testing.assert_array_equal(r.gain_beyond_noise(flat), 0)


def test_words_fall_when_their_peak_is_inside():
    f = np.array([[0, 1, 2, 3.0], [0, 1, 3, 2.0], [3, 2, 1, 0.5], [0, 3, 2, 1.0]])
    np.testing.assert_array_equal(r.falling(of_curves(f)), [False, True, False, True])


def test_gains_are_averaged_up_to_the_peak_and_after_it():
    h = np.broadcast_to(np.linspace(-1, 1, 9), (3, 9))
    f = np.array([[0, 1, 2, 1.5, 1.2], [0, 1, 2, 3, 4], [0, 2, 1, 1, 1.0]])
    bends = np.zeros((3, 5))
    bends[0, 3:], bends[2, 1] = 1.0, 1.0
    found = respond(h[..., None] * f[:, None] + h[..., None] ** 2 * bends[:, None], h)
    gain = r.gain_beyond_noise(found)
    before, after = r.gain_around_peak(found)
    np.testing.assert_allclose(before, [gain[0, 1:3].mean(), gain[2, 1]])
    np.testing.assert_allclose(after, [gain[0, 3:].mean(), gain[2, 2:].mean()])
    assert after[0] > 0.1 > before[0]


@pytest.mark.parametrize(("layers", "layer", "x"), [(35, 28, 0.8), (70, 7, 0.1), (110, 99, 0.9), (5, 3, 0.6)])
def test_a_depth_equals_the_threshold_that_it_reaches(layers, layer, x):
    """Multiples of a rounded 1/L can fall just short of it."""
    found = respond(np.zeros((1, 2, layers + 1)), np.array([[0.0, 1.0]])).x
    assert found[layer] == x
    assert (found[0], found[-1]) == (0, 1)
