"""Curves of models of different depth: interpolation against NumPy, comparisons against known answers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from semphase.science.lexical import between_models as b
from semphase.science.lexical.response import Response, depths, respond
from semphase.science.lexical.shapes import erf_width

SEEDS = st.integers(0, 2**32 - 1)
CLOSE = 1e-10


def of_curves(f: np.ndarray) -> Response:
    h = np.broadcast_to(np.linspace(-1, 1, 20), (*f.shape[:-1], 20))
    return respond(h[..., None] * f[..., None, :], h)


def random_response(seed: int, layers: int, *draw: int) -> Response:
    return of_curves(np.random.default_rng([seed, layers]).uniform(0.1, 1, size=(*draw, 3, layers + 1)))


def of_width(sigma: float, layers: int) -> Response:
    """One word whose g is an erf of this width; not normalised at its end, so f is scaled to be so elsewhere."""
    x = depths(layers + 1)
    g = special.erf(x / (sigma * np.sqrt(2)))
    return Response(x, np.zeros((1, 2)), np.zeros((1, 2, layers + 1)), (g / g.max())[None], np.ones((1, layers + 1)))


@given(SEEDS, st.integers(1, 30), st.integers(1, 30))
def test_grids_are_changed_as_numpy_interpolates(seed, deep, shallow):
    curves = np.random.default_rng(seed).normal(size=(2, 3, deep + 1))
    found = b.on_grid(curves, depths(deep + 1), depths(shallow + 1))
    assert found.shape == (2, 3, shallow + 1)
    for i in range(2):
        for j in range(3):
            expected = np.interp(depths(shallow + 1), depths(deep + 1), curves[i, j])
            np.testing.assert_allclose(found[i, j], expected, atol=CLOSE)


@given(SEEDS)
def test_comparisons_by_slow_loops(seed):
    models = [random_response(seed, layers) for layers in (6, 12, 9)]
    correlations, errors, by_word = [], [], []
    for i, first in enumerate(models):
        for second in models[i + 1 :]:
            shallow, deep = sorted((first, second), key=lambda model: len(model.x))
            g = np.interp(shallow.x, deep.x, deep.g_mean)
            correlations.append(stats.pearsonr(shallow.g_mean, g).statistic)
            errors.append(np.sqrt(np.mean((shallow.g_mean - g) ** 2)))
            f = [np.interp(shallow.x, deep.x, row) for row in deep.f]
            by_word += [stats.pearsonr(*pair).statistic for pair in zip(shallow.f, f, strict=True)]
    np.testing.assert_allclose(b.mean_correlations(*models), correlations)
    np.testing.assert_allclose(b.mean_rmses(*models), errors)
    np.testing.assert_allclose(b.word_correlations(*models), by_word)


COMPARISONS = [b.mean_correlations, b.mean_rmses, b.word_correlations]


@pytest.mark.parametrize("statistic", COMPARISONS)
@given(seed=SEEDS)
def test_the_order_of_models_does_not_matter(statistic, seed):
    models = [random_response(seed, layers) for layers in (6, 12)]
    assert statistic(*models) == pytest.approx(statistic(*models[::-1]))


@pytest.mark.parametrize("statistic", COMPARISONS)
@given(seed=SEEDS)
def test_draws_are_compared_draw_by_draw(statistic, seed):
    drawn = [random_response(seed, layers, 3) for layers in (6, 12)]
    expected = [statistic(*(respond(model.sigma[d], model.h[d]) for model in drawn)) for d in range(3)]
    np.testing.assert_allclose(statistic(*drawn), expected, atol=CLOSE)


def test_one_straight_line_at_two_depths_is_the_same():
    models = [of_curves(np.outer([0.3, 0.8], depths(layers + 1))) for layers in (6, 13)]
    assert b.mean_correlations(*models) == pytest.approx(1)
    assert b.mean_rmses(*models) == pytest.approx(0, abs=CLOSE)


def test_widths_are_compared_by_spread_and_deviation():
    models = [of_width(sigma, 24) for sigma in (0.3, 0.35, 0.4)]
    # Below a width of 0.4 the erf reaches 0.98 at the end, so normalising changes little: compare with the fits.
    widths = np.array([float(erf_width(model)) for model in models])
    np.testing.assert_allclose(widths, [0.3, 0.35, 0.4], atol=0.01)
    assert b.width_differences(*models).max() == pytest.approx((widths[2] - widths[0]) / widths.mean())
    assert b.diffusion_deviations(*models).max() == pytest.approx(np.abs(widths**2 / 2 - 0.15).max())


@pytest.mark.parametrize(("order", "grows"), [((0.25, 0.3, 0.35), False), ((0.25, 0.35, 0.3), True)])
def test_the_distance_from_the_root_of_pi_grows_or_not(order, grows):
    models = [of_width(sigma, 24) for sigma in order]
    distance = np.abs([float(erf_width(model)) - 1 / np.sqrt(np.pi) for model in models])
    growths = b.growths_away_from_pi(*models)
    np.testing.assert_allclose(growths, [distance[1] - distance[0], distance[2] - distance[1]])
    assert (growths.max() > 0) == grows


@given(st.lists(st.floats(0, 5), min_size=2, max_size=5))
@settings(max_examples=50)
def test_the_distance_from_an_integer_by_a_slow_loop(turns):
    distances = [min(turn % 1, 1 - turn % 1) for turn in turns]
    expected = [after - before for before, after in itertools.pairwise(distances)]
    np.testing.assert_allclose(b.growths_away_from_integer(np.array(turns)), expected, atol=1e-12)
    drawn = b.growths_away_from_integer(np.tile(turns, (4, 1)))
    np.testing.assert_allclose(drawn, np.tile(expected, (4, 1)), atol=1e-12)
