"""Which curve family fits g_mean best, and with which parameters (000 exp3F, 001 exp8)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from semphase.science.lexical.response import Response, truncated
from semphase.stats.families import SHAPES as SHAPES
from semphase.stats.families import Family
from semphase.stats.families import G as G
from semphase.stats.fit import Information, compare, recompare, refit

Curve = Callable[[Response], tuple[Float[np.ndarray, " layer"], Float[np.ndarray, "*draw layer"]]]
Statistic = Callable[[Response], Float[np.ndarray, "*draw"]]


def full_curve(response: Response) -> tuple[Float[np.ndarray, " layer"], Float[np.ndarray, "*draw layer"]]:
    """g_mean over the full depth."""
    return response.x, response.g_mean


def truncated_curve(response: Response) -> tuple[Float[np.ndarray, " layer"], Float[np.ndarray, "*draw layer"]]:
    """g_mean without its last two points, both axes rescaled to end at 1.

    000 says so of g only, but its widths and rates grow from the full to the truncated fits by the factor
    L/(L−2) (σ 0.545 → 0.634, τ 0.479 → 0.564 for L = 12), which they can only do when the depth is rescaled too.
    """
    return response.x[:-2] / response.x[-3], truncated(response.g_mean)


def drop_without_rescaling(
    response: Response,
) -> tuple[Float[np.ndarray, " layer"], Float[np.ndarray, "*draw layer"]]:
    """g_mean without its last two points, only g rescaled; for the record beside `truncated_curve`."""
    return response.x[:-2], truncated(response.g_mean)


def leads_of(families: Mapping[str, Family], names: Iterable[str], curve: Curve, criterion: Information) -> Statistic:
    """A statistic [candidate, rival]: AIC or BIC of every rival minus that of each of `names`."""
    wanted = tuple(names)

    def statistic(response: Response) -> Float[np.ndarray, "*draw candidate rival"]:
        x, g = curve(response)

        def rows(curves: np.ndarray) -> np.ndarray:
            values = {family: getattr(fit, criterion) for family, fit in recompare(families, x, curves).items()}
            rivals = np.stack([value for name, value in values.items() if name not in wanted], axis=-1)
            return rivals[..., None, :] - np.stack([values[name] for name in wanted], axis=-1)[..., None]

        shape = (len(wanted), len(families) - len(wanted))
        return _over_defined(np.atleast_2d(g), rows, shape).reshape(*g.shape[:-1], *shape)

    return statistic


def leads(families: Mapping[str, Family], name: str, curve: Curve, criterion: Information) -> Statistic:
    """A statistic [rival]: AIC or BIC of every rival minus that of one family, which wins where all are positive."""
    several = leads_of(families, (name,), curve, criterion)
    return lambda response: several(response)[..., 0, :]


def fitted(families: Mapping[str, Family], curve: Curve, response: Response) -> dict[str, Any]:
    """For a figure: the curve of a point response, and what each family makes of it."""
    x, g = curve(response)
    return {"x": x, "g_mean": g, "fitted": {name: fit.curve for name, fit in compare(families, x, g).items()}}


def parameter(family: Family, name: str, curve: Curve) -> Statistic:
    """A statistic: one parameter of the family's fit."""

    def statistic(response: Response) -> Float[np.ndarray, "*draw"]:
        x, g = curve(response)
        return _over_defined(np.atleast_2d(g), lambda rows: refit(family, x, rows).params[name]).reshape(g.shape[:-1])

    return statistic


def fit_table(families: Mapping[str, Family], curve: Curve, response: Response) -> dict[str, dict[str, float]]:
    """R², AIC, BIC and parameters of every family, for a report's detail."""
    x, g = curve(response)
    fits = compare(families, x, g)
    return {name: {"r2": f.r2, "aic": f.aic, "bic": f.bic, **f.params} for name, f in fits.items()}


power_exponent: Statistic = parameter(SHAPES["power"], "alpha", truncated_curve)
"""α of x^α on the truncated curve (000: 0.913 and 0.974)."""

erf_width: Statistic = parameter(SHAPES["erf"], "sigma", full_curve)
"""σ_free of erf(x/(σ√2)) over the full depth (000: 0.545 and 0.591)."""


def _over_defined(
    curves: Float[np.ndarray, "draw layer"], fitted: Callable[[np.ndarray], np.ndarray], row: tuple[int, ...] = ()
) -> Float[np.ndarray, draw * row]:
    """What is fitted to the curves that are defined, and nan for the others."""
    defined = np.isfinite(curves).all(axis=-1)
    result = np.full((len(curves), *row), np.nan)
    if defined.any():
        result[defined] = fitted(curves[defined])
    return result
