"""AIC from R², the rebuilt test of a width and distances of curves, on curves that are really fitted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semphase.science.audit.rounded_fits import (
    aic_differences,
    bic_less_aic,
    excess_distance,
    likelihood_ratio_bounds,
    relative_halfwidth,
    rounded_curve,
    rss_from_aic,
    tail,
)
from semphase.science.audit.rounding import Interval, around, stack
from semphase.stats.families import SHAPES, erf
from semphase.stats.fit import compare
from semphase.stats.likelihood import width_test

X = np.arange(13) / 12
seeds = st.integers(0, 2**32 - 1)


def profile(seed: int, noise: float = 0.05) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return erf(X, rng.uniform(0.4, 0.7)) + rng.normal(0, noise, X.size)


@settings(max_examples=10)
@given(seeds)
def test_information_of_real_fits_follows_from_their_r2(seed):
    fits = list(compare(SHAPES, X, profile(seed)).values())
    k = np.array([float(own.k) for own in fits])
    r2, aic = (np.array([getattr(own, name) for own in fits]) for name in ("r2", "aic"))
    # Bounds by the rounding that tables have; the numbers behind them lie inside.
    found = aic_differences(around(np.round(r2, 4), 5e-5), X.size, k)
    assert np.all((found.low <= aic - aic[0] + 1e-9) & (aic - aic[0] - 1e-9 <= found.high))
    np.testing.assert_allclose(bic_less_aic(X.size, k), [own.bic - own.aic for own in fits], atol=1e-9)
    rss = rss_from_aic(around(aic, 0.0), X.size, k)
    np.testing.assert_allclose(rss.value, [own.rss for own in fits], rtol=1e-9)


@settings(max_examples=15)
@given(seeds)
def test_the_chi2_of_a_real_curve_lies_within_the_rebuilt_bounds(seed):
    tested = width_test(X, profile(seed), draws=1)
    width = around(np.round(tested.width, 3), 5e-4)
    rss = around(tested.rss_free, 1e-4 * tested.rss_free)
    found = likelihood_ratio_bounds(X, width, rss)
    assert found.low <= found.value <= found.high
    # Bounds are scanned on nine widths; between them χ² bends by less than a thousandth.
    assert found.low - 1e-3 <= tested.chi2 <= found.high + 1e-3
    p = tail(found)
    assert p.low - 1e-3 <= tested.p <= p.high + 1e-3


def test_the_halfwidth_is_that_of_a_normal_estimate():
    # p of 1.96 standard errors is 0.05: the distance itself is the half-width.
    found = relative_halfwidth(around(0.6, 0.0), around(0.05, 0.0), fixed=0.5)
    assert float(found.value) == pytest.approx(0.2, rel=1e-9)
    wider = relative_halfwidth(around(0.6, 0.01), around(0.05, 0.001), fixed=0.5)
    assert wider.low < 0.2 < wider.high


@settings(max_examples=10)
@given(seeds)
def test_real_fits_of_one_curve_are_never_too_far_apart(seed):
    fits = compare(SHAPES, X, profile(seed))
    curves = [
        rounded_curve(SHAPES[name], X, [around(v, 0.0) for v in own.params.values()]) for name, own in fits.items()
    ]
    ratio, _ = excess_distance(curves, around(np.array([own.rss for own in fits.values()]), 0.0))
    assert ratio.value <= 1 + 1e-9


def test_curves_that_share_no_data_are_told_apart():
    curves = [rounded_curve(SHAPES["power"], X, [around(alpha, 0.005)]) for alpha in (0.5, 1.0, 3.0)]
    ratio, pair = excess_distance(curves, around(np.full(3, 0.01), 0.0))
    distance = np.linalg.norm(X**0.5 - X**3.0)
    assert float(ratio.value) == pytest.approx(distance / 0.2)
    assert pair == (0, 2)
    assert ratio.low < ratio.value < ratio.high


@given(st.floats(0.2, 0.9), st.floats(1, 9), st.floats(-1, 1), st.floats(-1, 1))
def test_a_rounded_curve_holds_the_curves_of_all_parameters(c, kappa, up, across):
    found = rounded_curve(SHAPES["sigmoid"], X, [around(kappa, 0.05), around(c, 0.005)])
    curve = SHAPES["sigmoid"].formula(X, kappa + 0.05 * up, c + 0.005 * across)
    assert np.all((found.low - 1e-12 <= curve) & (curve <= found.high + 1e-12))
    assert isinstance(stack([found]), Interval)
