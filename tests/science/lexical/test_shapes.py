"""Which family wins on g_mean, and its parameters, on curves made from the families."""

from __future__ import annotations

import numpy as np
import pytest

from semphase.science.lexical import shapes
from semphase.science.lexical.response import Response, depths, respond
from semphase.stats.families import SHAPES, G
from semphase.stats.fit import compare, fit, margin

X = depths(13)


def of_curves(*g: np.ndarray) -> Response:
    """One word, and a draw for each curve where there are several."""
    f = np.stack(g)[:, None, :] if len(g) > 1 else np.stack(g)
    h = np.broadcast_to(np.linspace(-1, 1, 20), (*f.shape[:-1], 20))
    return respond(h[..., None] * f[..., None, :], h)


def noisy(curve: np.ndarray, seed: int) -> np.ndarray:
    return curve * (1 + 0.03 * np.random.default_rng(seed).normal(size=curve.shape))


def test_the_full_curve_is_g_over_depth():
    x, g = shapes.full_curve(of_curves(X**0.7))
    np.testing.assert_allclose((x, g), (X, X**0.7), atol=1e-12)


def test_the_truncated_curve_ends_at_one_on_both_axes():
    x, g = shapes.truncated_curve(of_curves(X**0.7))
    assert len(x) == len(X) - 2
    assert (x[-1], g[-1]) == (1, 1)
    # A power law rescaled on both axes is the same power law.
    np.testing.assert_allclose(g, x**0.7, atol=1e-12)


def test_dropping_without_rescaling_keeps_the_depth():
    x, g = shapes.drop_without_rescaling(of_curves(X**0.7))
    np.testing.assert_array_equal(x, X[:-2])
    assert g[-1] == 1


@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.8])
def test_a_planted_exponent_is_found(alpha):
    assert shapes.power_exponent(of_curves(X**alpha)) == pytest.approx(alpha, rel=1e-6)


def test_the_width_of_the_published_fits_grows_when_the_depth_is_rescaled():
    """000: σ grows from 0.545 to 0.634 for L = 12, nearly by 12/10."""
    curve = SHAPES["erf"].formula(X, 0.3)  # ends at 0.999, so the truncated one is an erf still
    full, truncated = (
        shapes.parameter(SHAPES["erf"], "sigma", which)(of_curves(curve))
        for which in (shapes.full_curve, shapes.truncated_curve)
    )
    assert truncated / full == pytest.approx(12 / 10, rel=0.01)


@pytest.mark.parametrize("criterion", ["aic", "bic"])
@pytest.mark.parametrize("name", ["exponential", "power", "cos_pi_power", "sin_pi"])
def test_the_family_that_made_the_curve_wins(name, criterion):
    # These four are 1 at x = 1 (the exponential nearly so), as a normalised curve must be.
    values = {"exponential": (0.1,), "power": (0.7,), "cos_pi_power": (0.7,), "sin_pi": ()}
    curve = G[name].formula(X, *values[name])
    assert (shapes.leads(G, name, shapes.full_curve, criterion)(of_curves(curve)) > 0).all()
    rival = "power" if name != "power" else "erf"
    assert shapes.leads(G, rival, shapes.full_curve, criterion)(of_curves(curve)).min() < 0


def test_margins_are_those_of_the_fits():
    curve = noisy(X**0.7, 0)
    response = of_curves(curve)
    fits = compare(G, X, response.g_mean)
    pair = ("erf", "sigmoid")
    found = shapes.leads_of(G, pair, shapes.full_curve, "bic")(response)
    assert found.shape == (len(pair), len(G) - len(pair))
    # The best of the pair is that which leads most over any rival.
    assert found.min(axis=-1).max() == pytest.approx(margin(fits, pair, criterion="bic"), abs=1e-4)


def test_draws_are_fitted_one_by_one():
    curves = [noisy(X**0.7, seed) for seed in range(5)]
    drawn = of_curves(*curves)
    lead = shapes.leads(SHAPES, "power", shapes.full_curve, "aic")
    # The batch and lmfit stop at the same minima to 1e-6 of the RSS, which is 1e-5 in an AIC of 13 points.
    np.testing.assert_allclose(lead(drawn), [lead(of_curves(curve)) for curve in curves], atol=1e-4)
    widths = [fit(SHAPES["erf"], X, g).params["sigma"] for g in drawn.g_mean]
    np.testing.assert_allclose(shapes.erf_width(drawn), widths, rtol=1e-5)


def test_undefined_draws_stay_undefined():
    drawn = of_curves(X**0.7, -(X**0.7), X**0.9)
    np.testing.assert_array_equal(np.isfinite(shapes.erf_width(drawn)), [True, False, True])


def test_the_table_holds_every_family_with_its_parameters():
    table = shapes.fit_table(SHAPES, shapes.full_curve, of_curves(X**0.7))
    assert set(table) == set(SHAPES)
    assert table["power"]["alpha"] == pytest.approx(0.7, rel=1e-6)
    assert table["power"]["r2"] == pytest.approx(1)
    assert set(table["sigmoid"]) == {"r2", "aic", "bic", "kappa", "c"}


def test_leads_over_rivals_one_by_one():
    curves = [noisy(X**0.7, seed) for seed in range(3)]
    drawn = of_curves(*curves)
    found = shapes.leads(SHAPES, "power", shapes.full_curve, "aic")(drawn)
    assert found.shape == (3, len(SHAPES) - 1)
    for row, curve in zip(found, curves, strict=True):
        fits = compare(SHAPES, X, of_curves(curve).g_mean)
        expected = [fits[rival].aic - fits["power"].aic for rival in SHAPES if rival != "power"]
        np.testing.assert_allclose(row, expected, atol=1e-4)
    undefined = shapes.leads(SHAPES, "power", shapes.full_curve, "aic")(of_curves(-(X**0.7), X**0.7))
    np.testing.assert_array_equal(np.isfinite(undefined).all(axis=-1), [False, True])
