"""Fits against SciPy, closed forms and curves whose family is known; the batch against lmfit."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from semphase.errors import SemphaseError
from semphase.science.lexical.nulls import random_rising_curves
from semphase.stats.families import LANDAU, SHAPES, STEP, G
from semphase.stats.fit import aic, bic, compare, fit, margin, recompare, refit

X = np.arange(25) / 24
SEEDS = st.integers(0, 2**32 - 1)
KNOWN_G = {
    "erf": (0.55,),
    "log": (3.45,),
    "exponential": (0.48,),
    "sigmoid": (5.43, 0.403),
    "power": (0.72,),
    "cos_pi": (),
    "cos_pi_power": (0.8,),
    "sin_pi": (),
    "sin_pi_power": (1.3,),
}
KNOWN_LANDAU = {
    "power_law": (0.4, 0.9),
    "tanh": (0.5, 3.0, 0.2),
    "sigmoid": (0.5, 8.0, 0.6),
    "two_stage": (0.3, 0.2, 0.9, 60.0, 0.85),
    "critical": (0.5, 0.31, 0.5),
}


def noisy_erf(seed: int, curves: int = 1, points: int = 25) -> np.ndarray:
    x = np.arange(points) / (points - 1)
    noise = np.random.default_rng(seed).normal(0, 0.04, (curves, points))
    return G["erf"].formula(x, 0.55) + noise


@pytest.mark.parametrize("name", KNOWN_G)
def test_an_exact_curve_is_recovered_and_its_family_wins(name):
    fits = compare(G, X, G[name].formula(X, *KNOWN_G[name]))
    np.testing.assert_allclose(list(fits[name].params.values()), KNOWN_G[name], rtol=1e-6)
    assert fits[name].r2 == pytest.approx(1, abs=1e-12)
    for criterion in ("aic", "bic"):
        # A perfect fit beats a nested perfect one by the price of one parameter, others by far.
        assert margin(fits, name, criterion=criterion) >= min(2, math.log(25)) - 1e-9


@pytest.mark.parametrize("name", KNOWN_LANDAU)
def test_an_exact_landau_curve_is_recovered_and_its_family_wins(name):
    fits = compare(LANDAU, X[:-1], LANDAU[name].formula(X[:-1], *KNOWN_LANDAU[name]))
    # w is a steepness between two layers: the curve fixes it less than the rest.
    np.testing.assert_allclose(list(fits[name].params.values()), KNOWN_LANDAU[name], rtol=1e-4)
    assert margin(fits, name, criterion="bic") > 2


@pytest.mark.parametrize("name", [name for name, family in G.items() if family.k])
@given(seed=SEEDS)
@settings(max_examples=8, deadline=None)
def test_agrees_with_scipy_curve_fit(name, seed):
    y = noisy_erf(seed)[0]
    found = fit(G[name], X, y)
    low, high = zip(*((p.low, p.high) for p in G[name].parameters), strict=True)
    start = list(KNOWN_G[name])
    params, _ = optimize.curve_fit(G[name].formula, X, y, p0=start, bounds=(low, high), xtol=1e-12, ftol=1e-12)
    rss = np.sum((y - G[name].formula(X, *params)) ** 2)
    # The RSS is quadratic at the minimum: parameters good to 1e-6 make it good to far below 1e-8.
    assert found.rss == pytest.approx(rss, rel=1e-8)
    np.testing.assert_allclose(list(found.params.values()), params, rtol=2e-4)
    np.testing.assert_allclose(found.curve, G[name].formula(X, *params), atol=1e-4)


def test_power_law_agrees_with_the_closed_form_of_its_amplitude():
    y = noisy_erf(3)[0]
    found = fit(LANDAU["power_law"], X, y)
    shape = X ** found.params["beta"]
    assert found.params["a"] == pytest.approx(shape @ y / (shape @ shape), rel=1e-6)


def test_statistics_of_a_fit_by_hand():
    y = noisy_erf(5)[0]
    found = fit(G["sigmoid"], X, y)
    rss = np.sum((y - found.curve) ** 2)
    assert (found.n, found.k, found.family) == (25, 2, "sigmoid")
    assert found.rss == pytest.approx(rss, rel=1e-12)
    assert found.r2 == pytest.approx(1 - rss / np.sum((y - y.mean()) ** 2), rel=1e-12)
    assert found.aic == pytest.approx(2 * 2 + 25 * math.log(rss / 25), rel=1e-12)
    assert found.bic == pytest.approx(2 * math.log(25) + 25 * math.log(rss / 25), rel=1e-12)
    assert str(found).startswith("sigmoid(kappa=")


# 000 exp3F: R², AIC, BIC and k. The data are not published, but each row implies the variance of the same
# curve: RSS = n exp((AIC − 2k)/n), and the total sum of squares is RSS / (1 − R²).
PUBLISHED = {
    13: [(0.9471, -66.6, -66.0, 1), (0.9283, -62.7, -62.1, 1), (0.9256, -62.2, -61.6, 1),
         (0.9366, -62.2, -61.1, 2), (0.9200, -61.2, -60.6, 1)],
    25: [(0.9814, -151.3, -148.9, 2), (0.9561, -131.9, -130.7, 1), (0.9501, -128.7, -127.5, 1),
         (0.9443, -126.0, -124.7, 1), (0.8895, -108.9, -107.6, 1)],
}  # fmt: skip


@pytest.mark.parametrize("n", PUBLISHED)
def test_information_criteria_agree_with_the_published_table(n):
    totals = []
    for r2, published_aic, published_bic, k in PUBLISHED[n]:
        rss = n * math.exp((published_aic - 2 * k) / n)
        assert aic(rss, n, k) == pytest.approx(published_aic, abs=1e-9)
        # Both columns are rounded to 0.05.
        assert bic(rss, n, k) == pytest.approx(published_bic, abs=0.1)
        totals.append(rss / (1 - r2))
    # An AIC rounded to 0.05 moves the RSS by 0.05/13 = 0.4 %, an R² rounded to 5e-5 moves 1 − R² by 0.3 %.
    assert max(totals) / min(totals) < 1 + 2 * (0.004 + 0.003)


@given(SEEDS)
@settings(max_examples=15, deadline=None)
def test_order_of_points_does_not_matter(seed):
    y = noisy_erf(seed)[0]
    order = np.random.default_rng(seed).permutation(25)
    for family in (G["erf"], G["sigmoid"], LANDAU["tanh"]):
        straight, shuffled = fit(family, X, y), fit(family, X[order], y[order])
        assert shuffled.rss == pytest.approx(straight.rss, rel=1e-8)
        np.testing.assert_allclose(shuffled.curve, straight.curve[order], atol=1e-4)


@pytest.mark.parametrize("name", LANDAU)
@given(seed=SEEDS, factor=st.sampled_from([-2.0, 1e-3, 7.0, 1e4]))
@settings(max_examples=5, deadline=None, derandomize=True)
def test_landau_fits_scale_with_the_curve(name, seed, factor):
    y = noisy_erf(seed, points=13)[0]
    x = np.arange(13) / 12
    plain, scaled = refit(LANDAU[name], x, y[None]), refit(LANDAU[name], x, factor * y[None])
    assert scaled.rss[0] == pytest.approx(plain.rss[0] * factor**2, rel=1e-6)
    assert scaled.bic[0] - plain.bic[0] == pytest.approx(13 * math.log(factor**2), abs=1e-4)


@given(SEEDS, st.sampled_from(list(G)))
@settings(max_examples=20, deadline=None)
def test_bic_minus_aic_is_the_price_of_the_parameters(seed, name):
    found = fit(G[name], X, noisy_erf(seed)[0])
    assert found.bic - found.aic == pytest.approx(found.k * (math.log(found.n) - 2), abs=1e-9)


@pytest.mark.parametrize("name", list(G))
def test_batch_agrees_with_lmfit_on_permeation_families(name):
    curves = np.concatenate([noisy_erf(7, 15), random_rising_curves(15, 24, 1, seed=7)[0]])
    curves[15:] /= curves[15:, -1:]
    many = refit(G[name], X, curves, fit(G[name], X, curves.mean(axis=0)))
    single = [fit(G[name], X, curve) for curve in curves]
    np.testing.assert_allclose(many.rss, [one.rss for one in single], rtol=1e-6)
    np.testing.assert_allclose(many.aic, [one.aic for one in single], atol=1e-5)
    np.testing.assert_allclose(many.bic, [one.bic for one in single], atol=1e-5)
    for key in many.params:
        np.testing.assert_allclose(many.params[key], [one.params[key] for one in single], rtol=1e-2)


@pytest.mark.parametrize("family", [*LANDAU.values(), STEP], ids=lambda family: family.name)
def test_batch_agrees_with_lmfit_on_families_with_an_amplitude(family):
    x = np.arange(12) / 12
    curves = random_rising_curves(6, 11, 1, seed=11)[0] / 20
    single = [fit(family, x, curve).rss for curve in curves]
    np.testing.assert_allclose(refit(family, x, curves).rss, single, rtol=1e-6)


def test_one_start_is_enough_where_one_is_used():
    """The lowest of a hundred descents is no lower, on the curves that the project meets."""
    curves = np.concatenate([noisy_erf(1, 20), random_rising_curves(20, 24, 1, seed=1)[0] / 24])
    for family in [*G.values(), *LANDAU.values()]:
        if family.starts == 1 and family.k:
            many = refit(replace(family, starts=100), X, curves)
            np.testing.assert_allclose(refit(family, X, curves).rss, many.rss, rtol=1e-6)


def test_margin_counts_the_best_of_both_sides():
    fits = compare(SHAPES, X, noisy_erf(2)[0])
    rivals = ["log", "exponential", "sigmoid", "power"]
    by_hand = min(fits[name].aic for name in rivals) - fits["erf"].aic
    assert margin(fits, "erf") == pytest.approx(by_hand)
    assert margin(fits, "erf", rivals, "bic") == pytest.approx(min(fits[name].bic for name in rivals) - fits["erf"].bic)
    pair = margin(fits, ("erf", "log"), rivals)
    assert pair == pytest.approx(min(fits[n].aic for n in rivals[1:]) - min(fits[n].aic for n in ("erf", "log")))
    many = margin(recompare(SHAPES, X, noisy_erf(2, 4), fits), "erf")
    assert many.shape == (4,)
    assert many[0] == pytest.approx(margin(fits, "erf"), abs=1e-5)


def test_a_constant_curve_gives_finite_numbers():
    for family in [*SHAPES.values(), LANDAU["power_law"], LANDAU["two_stage"]]:
        for constant in (0.0, 0.5):
            found = fit(family, X, np.full(25, constant))
            assert found.r2 == 0.0
            assert math.isfinite(found.aic)
            assert math.isfinite(found.bic)


def test_no_curves_give_no_fits():
    for family in (G["erf"], G["sin_pi"], LANDAU["two_stage"]):
        empty = refit(family, X, np.zeros((0, 25)))
        assert empty.rss.shape == (0,)
        assert all(values.shape == (0,) for values in empty.params.values())


def test_the_global_random_state_is_untouched_and_fits_repeat():
    before, own = np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    first, second = (compare(LANDAU, X, noisy_erf(9)[0]) for _ in range(2))
    assert first == second
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    assert random.getstate() == own


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (X, np.zeros(24), "one value for each"),
        (X, np.full(25, math.nan), "not finite"),
        (X * 24, np.zeros(25), "divide the layer index"),
        (X[:5] , np.zeros(5), "deeper model"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("wrong_shapes")
def test_bad_input_is_named_in_one_sentence(x, y, words):
    with pytest.raises(SemphaseError, match=words):
        fit(LANDAU["two_stage"], x, y)


def test_a_margin_without_its_fit_is_refused():
    fits = compare({"erf": SHAPES["erf"]}, X, noisy_erf(0)[0])
    with pytest.raises(SemphaseError, match="needs a family and a rival"):
        margin(fits, "erf")
    with pytest.raises(SemphaseError, match="no fit of log"):
        margin(fits, "erf", ["log"])
