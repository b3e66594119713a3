"""Peaks of χ and widths in the plane, on curves whose peak and width are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from semphase.science.lexical import critical
from semphase.science.lexical.critical import Plane
from semphase.science.lexical.response import Response, respond
from semphase.stats.profile import transition_width

SEEDS = st.integers(0, 2**32 - 1)
LAYERS = 13
X = np.arange(LAYERS) / (LAYERS - 1)


def of_curves(*f: np.ndarray) -> Response:
    h = np.broadcast_to(np.linspace(-1, 1, 20), (len(f), 20))
    return respond(h[..., None] * np.stack(f)[:, None, :], h)


def random_response(seed: int, *draw: int) -> Response:
    rng = np.random.default_rng(seed)
    h = np.broadcast_to(np.linspace(-1, 1, 20), (*draw, 3, 20))
    return respond(h[..., None] * rng.uniform(0.1, 1, size=(*draw, 3, 1, LAYERS)), h)


@given(SEEDS)
def test_the_peak_by_a_slow_loop(seed):
    found = random_response(seed)
    chi = [np.mean(found.f[:, layer]) for layer in range(LAYERS)]
    top = chi.index(max(chi))
    sides = [chi[max(top - 2, 0)], chi[min(top + 2, LAYERS - 1)]]
    assert critical.peak_depth(found) == pytest.approx(top / (LAYERS - 1))
    assert critical.peak_excess(found) == pytest.approx(max(chi) / max(sides) - 1)


def test_a_gaussian_peak_has_its_known_excess():
    width = 0.2
    found = of_curves(np.exp(-(((X - 0.5) / width) ** 2)))
    assert critical.peak_depth(found) == 0.5
    assert critical.peak_excess(found) == pytest.approx(np.exp((2 / 12 / width) ** 2) - 1)


@pytest.mark.parametrize("curve", [X, 1 - X, np.ones(LAYERS)])
def test_a_curve_that_peaks_at_an_end_or_nowhere_has_no_excess_there(curve):
    excess = critical.peak_excess(of_curves(curve))
    assert excess == 0 or excess == pytest.approx(1 / (1 - 2 / 12) - 1)


@pytest.mark.parametrize("around", [0.0, -0.1])
def test_the_sharpest_peak_of_all_is_one(around):
    """Two layers away χ is zero, or even negative: that is no reason to call the peak flat."""
    curve = np.where(np.arange(LAYERS) == 6, 1.0, around)
    assert critical.peak_excess(of_curves(curve)) == pytest.approx(99)


def test_without_any_response_there_is_no_excess():
    assert np.isnan(critical.peak_excess(of_curves(-X)))


@given(SEEDS)
def test_statistics_of_draws_are_those_of_each_draw(seed):
    drawn = random_response(seed, 4)
    for statistic in (critical.peak_depth, critical.peak_excess, critical.susceptibility):
        expected = [statistic(respond(sigma, h)) for sigma, h in zip(drawn.sigma, drawn.h, strict=True)]
        np.testing.assert_allclose(statistic(drawn), expected, rtol=1e-10)


def step_plane(along: str, width: float, words: int = 2) -> Plane:
    """A logistic step of a known 10–90 % width along one axis, half-way."""
    points = 25
    x = np.arange(points) / (points - 1)
    step = special.expit((x - 0.5) * 2 * np.log(9) / width)
    plane = np.outer(step, np.ones(points)) if along == "context" else np.outer(np.ones(points), step)
    return Plane(np.stack([(w + 1) * plane for w in range(words)]))


@pytest.mark.parametrize("width", [0.15, 0.4])
def test_a_step_along_one_axis_has_its_width_there_and_none_along_the_other(width):
    context, layer = step_plane("context", width), step_plane("layer", width)
    assert critical.context_width(context) == pytest.approx(width, rel=1e-3)
    assert critical.layer_width(layer) == pytest.approx(width, rel=1e-3)
    # A flat profile has no transition: its width is the whole axis.
    assert critical.layer_width(context) == critical.context_width(layer) == 1


def test_widths_are_those_of_the_mean_profile():
    rng = np.random.default_rng(0)
    plane = Plane(rng.uniform(0, 1, size=(3, 6, 9)))
    profile = plane.magnitude.mean(axis=(0, 2))
    # The batch and the single fit end at the same minimum, to the optimiser's tolerance.
    assert critical.context_width(plane) == pytest.approx(transition_width(np.arange(6), profile).width, rel=1e-3)


def test_planes_of_draws_are_taken_word_by_word():
    rng = np.random.default_rng(0)
    drawn = Plane(rng.uniform(0, 1, size=(2, 3, 6, 9)))
    index = np.array([[0, 0, 2], [1, 2, 2]])
    taken = drawn.take_words(index)
    np.testing.assert_array_equal(taken.magnitude[1], drawn.magnitude[1, [1, 2, 2]])
    widths = [critical.layer_width(Plane(one)) for one in taken.magnitude]
    np.testing.assert_allclose(critical.layer_width(taken), widths)
