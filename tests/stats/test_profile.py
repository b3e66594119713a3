"""Transition widths and peaks of profiles whose shape is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semphase.errors import SemphaseError
from semphase.stats.families import logistic_step
from semphase.stats.profile import WIDEST, bounded_widths, transition_width

X = np.linspace(0, 1, 25)


@given(
    centre=st.floats(0.3, 0.7),
    scale=st.floats(0.02, 0.08),
    height=st.floats(0.1, 5).flatmap(lambda v: st.sampled_from([v, -v])),
    base=st.floats(-2, 2),
)
@settings(max_examples=25, deadline=None)
def test_a_logistic_is_recovered_in_any_unit(centre, scale, height, base):
    y = logistic_step(X, base, height, centre, scale)
    for unit in (1.0, 24.0):
        found = transition_width(5 + X * unit, y)
        assert found.width == pytest.approx(2 * math.log(9) * scale, rel=1e-4)
        assert found.centre == pytest.approx(centre, abs=1e-4)
        assert found.r2 == pytest.approx(1, abs=1e-6)


def test_the_width_runs_from_10_to_90_percent():
    scale = 0.05
    ten, ninety = 0.5 - math.log(9) * scale, 0.5 + math.log(9) * scale
    np.testing.assert_allclose(logistic_step(np.array([ten, ninety]), 0, 1, 0.5, scale), [0.1, 0.9])
    assert transition_width(X, logistic_step(X, 0, 1, 0.5, scale)).width == pytest.approx(ninety - ten, rel=1e-6)


def test_profiles_without_a_step_fill_the_axis():
    for y in (np.zeros(25), np.full(25, 0.3), X, 1 - 2 * X):
        assert transition_width(X, y).width == WIDEST


def test_a_jump_is_narrower_than_the_spacing_of_its_points():
    assert transition_width(X, (X > 0.6).astype(float)).width < 1 / 24


def test_many_profiles_agree_with_one():
    noise = np.random.default_rng(0).normal(0, 0.05, (8, 25))
    curves = logistic_step(X, 0, 1, 0.5, 0.06) + noise
    single = np.array([transition_width(X, curve).width for curve in curves])
    np.testing.assert_allclose(bounded_widths(X, curves), single / (single + 1 / 24), rtol=2e-3)
    assert np.isnan(bounded_widths(X, np.ones((1, 25)))).all()


def test_a_straight_line_is_wider_than_any_axis_and_a_jump_narrower():
    lines = X + np.random.default_rng(0).normal(0, 0.001, (4, 25))
    assert bounded_widths(X, lines).min() > 24 / 25
    assert bounded_widths(X, (X > 0.6).astype(float)[None]).max() < 1 / 2


def test_bad_profiles_are_refused():
    with pytest.raises(SemphaseError, match="rising list"):
        transition_width(X[::-1], X)
