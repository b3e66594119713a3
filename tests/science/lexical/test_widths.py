"""What the width over words says, and how many copies reject."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from semphase.science.lexical.response import Response, depths
from semphase.science.lexical.shapes import erf_width
from semphase.science.lexical.widths import meaning, rejections, width_of
from semphase.stats.likelihood import INVERSE_ROOT_PI
from semphase.stats.nested import Nested

X = depths(25)
WORDS = 8


def of_width(sigma: float, noise: float, seed: int = 0, words: int = WORDS) -> Nested[Response]:
    """Words around an erf of this width, which ends below 1: each is lifted to 1 at its end and lowered before it."""
    rng = np.random.default_rng(seed)
    g = special.erf(X / (sigma * np.sqrt(2)))
    slope = X * np.exp(-(X**2) / (2 * sigma**2))
    lift = 1 - g[-1]
    g[-1] += lift
    g[-2] -= lift * slope[-1] / slope[-2]
    f = g + noise * rng.normal(size=(words, len(X))) * (X > 0) * (X < 1)
    shape = (words, 2)
    return Nested(Response(X, np.zeros(shape), np.zeros((*shape, len(X))), f, np.ones_like(f)), words)


def test_the_width_is_that_of_the_mean_curve_and_has_its_p():
    curves = of_width(0.6, 0.01)
    found = width_of(curves)
    assert found.estimate.value == pytest.approx(float(erf_width(curves.point)))
    assert found.estimate.low < found.estimate.value < found.estimate.high
    assert (found.estimate.population, found.estimate.units) == (("words",), (WORDS,))
    assert 0 < found.p_value <= 1
    assert 0 < found.p_equivalent <= 1


@pytest.mark.parametrize("seed", range(6))
def test_p_and_interval_agree(seed):
    found = width_of(of_width(0.57, 0.03, seed))
    assert (found.p_value <= 0.05) == (not found.estimate.low <= INVERSE_ROOT_PI <= found.estimate.high)


def test_a_wide_curve_is_called_rejected():
    assert meaning(width_of(of_width(0.8, 0.005))).startswith("rejected: p = ")


def test_a_clear_curve_is_called_confirmed():
    found = width_of(of_width(INVERSE_ROOT_PI, 0.0005, seed=3))
    assert found.equivalent
    assert "equivalent within ±5%" in meaning(found)


def test_rejections_are_counted_among_the_copies_and_never_without_width():
    near, far = of_width(INVERSE_ROOT_PI, 0.002, seed=3), of_width(0.8, 0.002)
    every = rejections([far] * 5, 5)
    assert (every.value, every.low, every.high) == (5, 4.75, 5)
    none = rejections([near] * 5, 5)
    assert none.low == 0
    assert 0 < none.high < 1
    assert 0 < none.p_above(3.5) <= 1
    assert every.population == ("words",)


def test_rejections_among_four_are_told_of_five():
    found = rejections([of_width(0.8, 0.002)] * 4, 5)
    assert found.value == found.high == 5
    assert found.low == pytest.approx(5 - 5 / 16)
