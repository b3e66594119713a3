"""f(l), g(l) and their statistics against polyfit, SciPy and plain loops."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from semphase.science.lexical import response as r
from semphase.science.lexical.response import Response, respond, strength_from_final_sigma

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
    assert r.embedding_linearity(found) == 0


def test_a_small_variance_above_rounding_counts():
    sigma = random_sigma(0)
    sigma[..., 0] = 1e-5 * sigma[..., -1]
    assert r.embedding_linearity(respond(sigma, strength_from_final_sigma(sigma))) == pytest.approx(1)


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


STATISTICS = [
    r.worst_correlation, r.increment_correlation, r.worst_residual, r.deep_linearity, r.embedding_linearity,
    r.separable_share, r.peak_position, r.final_drop, r.increment_variation,
]  # fmt: skip


@pytest.mark.parametrize("statistic", STATISTICS)
@given(seed=SEEDS, order=st.permutations(range(WORDS)))
def test_the_order_of_words_does_not_matter(statistic, seed, order):
    found = random_response(seed)
    shuffled = respond(found.sigma[order], found.h[order])
    np.testing.assert_allclose(statistic(shuffled), statistic(found), atol=CLOSE)


@pytest.mark.parametrize("statistic", STATISTICS)
@given(seed=SEEDS)
def test_statistics_of_draws_are_those_of_each_draw(statistic, seed):
    drawn = random_response(seed, 4)
    one_by_one = [statistic(respond(sigma, h)) for sigma, h in zip(drawn.sigma, drawn.h, strict=True)]
    np.testing.assert_allclose(statistic(drawn), one_by_one, atol=CLOSE)
    index = np.random.default_rng(seed).integers(0, WORDS, size=(4, WORDS))
    taken = statistic(drawn.take_words(index))
    parts = [respond(drawn.sigma[d, index[d]], drawn.h[d, index[d]]) for d in range(4)]
    np.testing.assert_allclose(taken, [statistic(part) for part in parts], atol=CLOSE)


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
    assert r.worst_correlation(found) == pytest.approx(min(expected))
    steps = np.diff(found.f, axis=-1)
    expected = [stats.pearsonr(steps[a], steps[b]).statistic for a, b in pairs]
    assert r.increment_correlation(found) == pytest.approx(np.mean(expected))


def test_a_constant_curve_correlates_with_nothing():
    assert np.isnan(r.pearson(np.ones(5), np.arange(5.0)))


@given(SEEDS)
def test_permuted_increments_are_the_same_increments_in_another_order(seed):
    drawn = random_response(seed, 3)
    statistic = r.permuted_increment_correlation(np.random.default_rng(seed))
    twice = [statistic(drawn), statistic(drawn)]
    np.testing.assert_array_equal(*twice)
    # Each draw alone gets the orders that it gets among others.
    np.testing.assert_allclose(statistic(respond(drawn.sigma[1], drawn.h[1])), twice[0][1], atol=CLOSE)


def test_permuted_increments_of_one_shape_lose_their_agreement():
    f = np.linspace(0.5, 1, 30)[:, None] * X**3
    assert r.increment_correlation(of_curves(f)) == pytest.approx(1)
    values = [r.permuted_increment_correlation(np.random.default_rng(i))(of_curves(f)) for i in range(20)]
    # 435 pairs of eight increments in random orders correlate by 0 ± 1/√7 each.
    assert abs(np.mean(values)) < 0.05


@given(SEEDS)
def test_residuals_by_a_slow_loop(seed):
    found = random_response(seed)
    g = [row / max(row) for row in found.f]
    mean = [sum(column) / WORDS for column in zip(*g, strict=True)]
    expected = [np.sqrt(sum((a - b) ** 2 for a, b in zip(row, mean, strict=True)) / LAYERS) for row in g]
    np.testing.assert_allclose(r.word_residuals(found), expected, atol=CLOSE)
    assert r.worst_residual(found) == pytest.approx(max(expected))


@given(SEEDS)
def test_the_smallest_deep_median(seed):
    found = random_response(seed)
    deep = [layer for layer in range(LAYERS) if 0.6 <= layer / (LAYERS - 1) < 1]
    assert r.deep_linearity(found) == pytest.approx(min(np.median(found.r2[:, layer]) for layer in deep))


@given(SEEDS)
@settings(max_examples=20)
def test_x_of_six_tenths_is_deep_and_the_last_layer_is_not(seed):
    rng = np.random.default_rng(seed)
    sigma = rng.uniform(-1, 1, size=(WORDS, PROMPTS, 11))
    found = respond(sigma, rng.uniform(-1, 1, size=(WORDS, PROMPTS)))
    assert r.deep_linearity(found) == pytest.approx(np.median(found.r2[:, 6:10], axis=0).min())


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


def test_peak_and_drop_of_known_curves():
    f = np.array([[0, 0.5, 1.0, 0.8, 0.6], [0, 0.2, 0.4, 0.36, 0.2]])
    assert r.peak_position(of_curves(f)) == 0.5
    assert r.final_drop(of_curves(f)) == pytest.approx(1 - (0.6 + 0.5) / 2)


def test_the_variation_of_increments_stops_at_the_peak():
    f = np.array([[0.0, 0.1, 0.4, 1.0, 0.2]])
    steps = np.array([0.1, 0.3, 0.6])
    assert r.increment_variation(of_curves(f)) == pytest.approx(stats.variation(steps, ddof=1))
    assert np.isnan(r.increment_variation(of_curves(np.array([[0.0, 1.0, 0.5, 0.2]]))))  # one increment varies not


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


def test_a_draw_of_one_word_alone_has_no_pair():
    f = np.broadcast_to(X**2, (2, 4, LAYERS)).copy()
    f[1, 0] = X
    np.testing.assert_allclose(r.mean_correlation(f), [np.nan, stats.pearsonr(X, X**2).statistic])


def test_words_drawn_twice_do_not_raise_the_mean_correlation():
    rng = np.random.default_rng(0)
    f = np.cumsum(rng.normal(size=(6, LAYERS)), axis=-1)
    drawn = of_curves(np.broadcast_to(f, (500, *f.shape)))
    taken = drawn.take_words(rng.integers(0, 6, size=(500, 6)))
    # Over draws of words the mean pairwise correlation stays what it is, up to its scatter of about 0.2 / √500.
    assert r.increment_correlation(taken).mean() == pytest.approx(r.increment_correlation(of_curves(f)), abs=0.05)
