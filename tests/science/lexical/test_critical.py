"""Peaks of χ and widths in the plane, on curves whose peak and width are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from semphase.errors import Undefined
from semphase.science.lexical import critical
from semphase.science.lexical.critical import Plane
from semphase.science.lexical.response import Response, respond
from semphase.stats.estimate import Estimate
from semphase.stats.nested import Nested, Peak
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


CONTEXT, LAYER = critical.Width(critical.CONTEXT), critical.Width(critical.LAYERS)
PEAK = Peak(lambda own: own.mean, at=lambda own: own.x)


def nested(*f: np.ndarray) -> Nested[critical.Susceptibility]:
    return Nested(critical.susceptibility(of_curves(*f)), len(f))


@given(SEEDS)
def test_sides_by_a_slow_loop(seed):
    found = random_response(seed)
    own = critical.susceptibility(found)
    chi = [np.mean(found.f[:, layer]) for layer in range(LAYERS - 1)]
    top = chi.index(max(chi))
    expected = [chi[layer] / chi[top] for layer in (top - 2, top + 2) if 0 <= layer < LAYERS - 1]
    np.testing.assert_allclose(critical.sides(own), expected)
    np.testing.assert_allclose(own.x, X[:-1])
    without = own.take_words(np.array([[0, 1], [0, 2], [1, 2]]))
    for row, kept in zip(critical.sides(without), ([0, 1], [0, 2], [1, 2]), strict=True):
        mean = found.f[kept].mean(axis=0)
        np.testing.assert_allclose(
            row, [mean[layer] / mean[top] for layer in (top - 2, top + 2) if 0 <= layer < LAYERS - 1]
        )


def bumps(centre: float, width: float) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [np.exp(-(((X - centre) / width) ** 2)) * (1 + rng.normal(0, 0.01, LAYERS)) for _ in range(8)]


def test_a_gaussian_peak_has_its_known_sides():
    data = nested(*[np.exp(-(((X - 0.5) / 0.2) ** 2)) * (1 + 0.1 * i + 0.01 * i * X) for i in range(8)])
    assert PEAK.estimate(data, population="words").value == 0.5
    found = critical.LargerSide().estimate(data, population="words")
    assert found.value == pytest.approx(np.exp(-((2 / 12 / 0.2) ** 2)), rel=0.02)
    assert found.lacks == ""


@pytest.mark.parametrize("centre", [0.0, 0.9])
def test_without_one_of_the_sides_nothing_is_decided(centre):
    found = critical.LargerSide().estimate(nested(*bumps(centre, 0.3)), population="words")
    assert found.lacks == "χ two layers to either side of its maximum"


def test_the_last_layer_is_no_maximum():
    """There h is σ itself."""
    data = nested(*[curve + 5 * (X == 1) for curve in bumps(0.5, 0.3)])
    assert PEAK.estimate(data, population="words").value == 0.5


@pytest.mark.parametrize("around", [0.0, -0.1])
def test_the_sharpest_peak_of_all_is_one(around):
    """Two layers away χ is zero, or even negative: that is no reason to call the peak flat."""
    rng = np.random.default_rng(1)
    curves = [np.where(np.arange(LAYERS) == 6, 1.0, around) + rng.normal(0, 0.01, LAYERS) for _ in range(8)]
    found = critical.LargerSide().estimate(nested(*curves), population="words")
    assert found.low < found.value < found.high < 1 / 1.1
    assert found.value == pytest.approx(around, abs=0.03)


def test_without_any_response_there_is_no_peak():
    with pytest.raises(Undefined, match="nowhere positive"):
        critical.LargerSide().estimate(nested(-X - 1, -X - 2), population="words")


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
    assert CONTEXT.bounded(context) == pytest.approx(width / (width + 1 / 24), rel=1e-3)
    assert LAYER.bounded(layer) == pytest.approx(width / (width + 1 / 24), rel=1e-3)
    # A flat profile has no transition.
    assert np.isnan([LAYER.bounded(context), CONTEXT.bounded(layer)]).all()


def test_widths_are_those_of_the_mean_profile():
    rng = np.random.default_rng(0)
    plane = Plane(rng.uniform(0, 1, size=(3, 6, 9)))
    profile = plane.magnitude.mean(axis=(0, 2))
    # The batch and the single fit end at the same minimum, to the optimiser's tolerance.
    width = transition_width(np.arange(6), profile).width
    assert width < 1
    assert CONTEXT.bounded(plane) == pytest.approx(width / (width + 1 / 5), rel=1e-3)


def test_planes_without_a_word_are_taken_word_by_word():
    rng = np.random.default_rng(0)
    plane = Plane(rng.uniform(0, 1, size=(3, 6, 9)))
    index = np.array([[0, 1], [0, 2], [1, 2]])
    taken = plane.take_words(index)
    np.testing.assert_array_equal(taken.magnitude[1], plane.magnitude[[0, 2]])
    widths = [LAYER.bounded(Plane(one)) for one in taken.magnitude]
    np.testing.assert_allclose(LAYER.bounded(taken), widths)


def estimate_of(profiles: np.ndarray) -> Estimate:
    """The width along layers of words with these profiles, the same at every length."""
    plane = Plane(np.repeat(profiles[:, None, :], 4, axis=1))
    return LAYER.estimate(Nested(plane, len(profiles)), population="words")


def steps(width: float, noise: float = 0.01) -> np.ndarray:
    x = np.arange(25) / 24
    step = special.expit((x - 0.5) * 2 * np.log(9) / width)
    return step + np.random.default_rng(0).normal(0, noise, size=(8, 25))


@pytest.mark.parametrize("width", [0.1, 0.15, 0.4])
def test_a_width_lies_in_its_interval_and_the_p_values_agree(width):
    found = estimate_of(steps(width))
    assert found.low < found.value < found.high
    assert found.value == pytest.approx(width, rel=0.05)
    # The p-values agree with the ends.
    assert found.p_above(found.low) == pytest.approx(0.025, rel=1e-3)
    assert found.p_below(found.high) == pytest.approx(0.025, rel=1e-3)
    assert found.p_above(width / 2) < 0.025 < 0.5 < found.p_above(2 * width)


def test_a_straight_line_has_a_width_without_an_upper_end():
    x = np.arange(25) / 24
    found = estimate_of(x + np.random.default_rng(0).normal(0, 0.01, size=(8, 25)))
    assert 0.5 < found.low < found.value < found.high == math.inf


def test_a_flat_profile_has_no_width():
    with pytest.raises(Undefined, match="not defined on these data"):
        estimate_of(np.ones((4, 25)))
