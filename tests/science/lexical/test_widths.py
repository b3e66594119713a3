"""What the width test says in words and counts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from semphase.science.lexical.response import Response, depths
from semphase.science.lexical.widths import distance_of_interval, meaning, rejections
from semphase.stats.likelihood import INVERSE_ROOT_PI, WidthTest, width_test

X = depths(25)


def curve(sigma: float, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    return special.erf(X / (sigma * np.sqrt(2))) + noise * np.random.default_rng(seed).normal(size=len(X))


def of_g(*g: np.ndarray) -> Response:
    """A response whose g_mean is the given curve, though it does not end at 1: each word has its own maximum.

    Two words lift and lower two late layers by turns, so that both have the maximum 1 and their mean is the curve.
    """
    lift = 1 - np.stack(g)[:, -2:]
    words = np.stack([np.stack(g), np.stack(g)], axis=1)
    words[:, 0, -1] += lift[:, 1]
    words[:, 1, -1] -= lift[:, 1]
    words[:, 1, -2] += lift[:, 0]
    words[:, 0, -2] -= lift[:, 0]
    f = words[0] if len(g) == 1 else words
    shape = (*f.shape[:-1], 2)
    return Response(X, np.zeros(shape), np.zeros((*shape, len(X))), f, np.ones_like(f))


def made(sigma: float, noise: float) -> WidthTest:
    return width_test(X, curve(sigma, noise), draws=200)


def test_a_wide_curve_is_called_rejected():
    assert meaning(made(0.8, 0.005)).startswith("rejected: p = ")


def test_a_clear_curve_is_called_confirmed():
    assert meaning(made(INVERSE_ROOT_PI, 0.005)).startswith("confirmed: not rejected (p = ")


def test_a_noisy_curve_is_called_neither_with_what_it_could_have_seen():
    test = made(INVERSE_ROOT_PI, 0.1)
    assert test.p > 0.05
    assert "not confirmed: not equivalent within ±5%" in meaning(test)
    assert f"deviation of {test.smallest_detectable:.0%} with power 0.8" in meaning(test)


def test_the_planted_mean_is_the_curve():
    np.testing.assert_allclose(of_g(curve(0.6)).g_mean, curve(0.6), atol=1e-12)


def test_rejections_are_counted_over_models_and_draws():
    near, far = curve(INVERSE_ROOT_PI, 0.002), curve(0.8, 0.002)
    assert rejections(of_g(near)) == 0
    assert rejections(of_g(far), of_g(near), of_g(far)) == 2
    drawn = rejections(of_g(near, far, near), of_g(far, far, near))
    np.testing.assert_array_equal(drawn, [1, 2, 0])


def test_rejections_agree_with_the_test_itself():
    sigmas = np.linspace(0.5, 0.65, 9)
    curves = [curve(sigma, 0.03, seed) for seed, sigma in enumerate(sigmas)]
    expected = [width_test(X, g, draws=10).p <= 0.05 for g in curves]
    np.testing.assert_array_equal(rejections(of_g(*curves)), expected)
    assert 0 < sum(expected) < len(expected)


def test_a_draw_without_a_curve_is_undefined():
    good = of_g(curve(0.8), curve(0.8))
    f = good.f.copy()
    f[1, 0] = -1.0  # a word that is nowhere positive has no g
    broken = Response(X, good.h, good.sigma, f, good.r2)
    counts = rejections(broken, good)
    assert counts[0] == 2
    assert np.isnan(counts[1])


@pytest.mark.parametrize(("value", "distance"), [(0.0, "low"), (9.0, "high")])
def test_the_distance_of_a_value_outside_the_interval(value, distance):
    test = made(0.6, 0.02)
    expected = abs(value - getattr(test, distance))
    found = distance_of_interval(test, value)
    assert (found.value, found.low, found.high) == (expected,) * 3


def test_there_is_no_distance_inside():
    test = made(0.6, 0.02)
    assert distance_of_interval(test, test.width).value == 0
