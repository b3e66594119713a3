"""The formulas against closed forms, limits and their own metadata."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest
from scipy import stats

from semphase.stats import families
from semphase.stats.families import LANDAU, PI_SHAPES, SHAPES, STEP, G

X = np.linspace(0, 1, 25)
ALL = [*G.values(), *LANDAU.values(), STEP]


@pytest.mark.parametrize("family", ALL, ids=lambda family: f"{family.name}-{family.formula.__name__}")
def test_metadata_matches_the_formula(family):
    names = list(inspect.signature(family.formula).parameters)[1:]
    assert names == [parameter.name for parameter in family.parameters]
    assert family.k == len(names)
    for parameter in family.parameters:
        assert all(parameter.low < value < parameter.high for value in parameter.grid)
    inside = [parameter.grid[0] if parameter.grid else 1.0 for parameter in family.parameters]
    batch = family.formula(X, *(np.full((3, 1), value) for value in inside))
    np.testing.assert_allclose(np.broadcast_to(batch, (3, 25))[1], family.formula(X, *inside))


@pytest.mark.parametrize("family", ALL, ids=lambda family: f"{family.name}-{family.formula.__name__}")
def test_a_parameter_without_a_grid_enters_linearly(family):
    inside = [parameter.grid[2] if parameter.grid else 0.7 for parameter in family.parameters]
    doubled = [2 * value if not p.grid else value for value, p in zip(inside, family.parameters, strict=True)]
    if doubled != inside:
        np.testing.assert_allclose(family.formula(X, *doubled), 2 * family.formula(X, *inside), rtol=1e-14)


def test_number_of_parameters_as_published():
    assert {name: family.k for name, family in SHAPES.items()} == {
        "erf": 1, "log": 1, "exponential": 1, "sigmoid": 2, "power": 1,
    }  # fmt: skip
    assert {name: family.k for name, family in PI_SHAPES.items()} == {
        "cos_pi": 0, "cos_pi_power": 1, "sin_pi": 0, "sin_pi_power": 1,
    }  # fmt: skip
    assert {name: family.k for name, family in LANDAU.items()} == {
        "power_law": 2, "tanh": 3, "sigmoid": 3, "two_stage": 5, "critical": 3,
    }  # fmt: skip
    assert len(G) == 9


def test_erf_is_the_normal_distribution():
    np.testing.assert_allclose(families.erf(X, 0.55), 2 * stats.norm.cdf(X / 0.55) - 1, atol=1e-15)


def test_log_is_linear_at_zero_and_bends_both_ways():
    np.testing.assert_allclose(families.log(X, 0.0), X, atol=1e-15)
    np.testing.assert_allclose(families.log(X, 1e-9), X, atol=1e-9)
    inner = X[1:-1]
    assert (families.log(inner, 3.0) > inner).all()
    assert (families.log(inner, -0.9) < inner).all()
    np.testing.assert_allclose(families.log(X, -0.5), np.log(1 - 0.5 * X) / math.log(0.5), rtol=1e-14)


def test_values_at_the_ends():
    for name in ("power", "log"):
        assert G[name].formula(np.array([0.0, 1.0]), 0.7).tolist() == [0.0, 1.0]
    for name in ("cos_pi", "sin_pi"):
        np.testing.assert_allclose(G[name].formula(np.array([0.0, 1.0])), [0.0, 1.0], atol=1e-16)
    np.testing.assert_allclose(families.exponential(X, 0.5), 1 - np.exp(-X / 0.5), atol=1e-15)
    np.testing.assert_allclose(families.cos_pi_power(X, 2.0), (1 - np.cos(np.pi * X**2)) / 2)
    np.testing.assert_allclose(families.sin_pi_power(X, 2.0), np.sin(np.pi * X**2 / 2))


def test_landau_forms():
    np.testing.assert_allclose(families.power_law(X, 0.4, 2.0), 0.4 * X * X)
    np.testing.assert_allclose(families.scaled_tanh(X, 0.4, 3.0, 0.2), 0.4 * np.tanh(3 * (X - 0.2)))
    np.testing.assert_allclose(families.scaled_sigmoid(X, 0.4, 3.0, 0.2), 0.4 / (1 + np.exp(-3 * (X - 0.2))))
    both = families.power_law(X, 0.4, 2.0) + families.scaled_sigmoid(X, 0.3, 40.0, 0.9)
    np.testing.assert_allclose(families.two_stage(X, 0.4, 0.3, 2.0, 40.0, 0.9), both)
    rising = families.critical(X, 0.4, 0.5, 0.5)
    assert (rising[X <= 0.5] == 0).all()
    np.testing.assert_allclose(rising[X > 0.5], 0.4 * np.sqrt(X[X > 0.5] - 0.5))


@pytest.mark.parametrize("family", ALL, ids=lambda family: f"{family.name}-{family.formula.__name__}")
def test_no_warning_and_no_infinity_at_extreme_parameters(family):
    for extreme in (0.0, 1.0):
        values = []
        for parameter in family.parameters:
            low = parameter.low if math.isfinite(parameter.low) else -1e3
            high = parameter.high if math.isfinite(parameter.high) else 1e6
            values.append(high if extreme else low)
        assert np.isfinite(family.formula(X, *values)).all()
