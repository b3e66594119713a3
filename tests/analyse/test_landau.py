"""Landau statistics by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from semphase.analyse.families import LANDAU
from semphase.analyse.landau import coefficient_of_variation, collapse_variance, fit_landau
from semphase.errors import SemphaseError


def test_all_families_are_fitted():
    x = np.arange(12) / 12
    fits = fit_landau(x, 0.4 * x**0.8)
    assert list(fits) == list(LANDAU)
    assert fits["power_law"].params == pytest.approx({"a": 0.4, "beta": 0.8}, rel=1e-6)


def test_collapse_variance_by_hand():
    assert collapse_variance(np.array([[0.0, 1.0], [0.0, 3.0]])) == pytest.approx(0.5)
    assert collapse_variance(np.ones((3, 4))) == 0.0
    with pytest.raises(SemphaseError, match="at least two curves"):
        collapse_variance(np.ones((1, 4)))


def test_coefficient_of_variation_by_hand():
    assert coefficient_of_variation(np.array([1.0, 3.0])) == pytest.approx(math.sqrt(2) / 2)
    assert coefficient_of_variation(np.array([-1.0, -3.0])) == pytest.approx(math.sqrt(2) / 2)
    assert coefficient_of_variation(np.array([-1.0, 1.0])) == math.inf
    with pytest.raises(SemphaseError, match="at least two"):
        coefficient_of_variation(np.array([1.0]))
