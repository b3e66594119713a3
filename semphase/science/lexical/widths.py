"""What the test of the erf width says, in words and in counts (001 exp8 A)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy
from jaxtyping import Float

from semphase.science.lexical.response import Response
from semphase.stats.estimate import Estimate
from semphase.stats.families import erf
from semphase.stats.likelihood import BAND, ratios, width_test
from semphase.stats.likelihood import INVERSE_ROOT_PI as INVERSE_ROOT_PI
from semphase.stats.likelihood import WidthTest as WidthTest
from semphase.stats.nested import Nested
from semphase.study.study import Study
from semphase.verdict import Evidence

ALPHA = 0.05


def width_test_of(study: Study, curves: Nested[Response]) -> WidthTest:
    """The likelihood-ratio test of σ = 1/√π on g_mean."""
    point = curves.point
    return width_test(point.x, point.g_mean, draws=study.budget.simulations, seed=study.seed)


def evidence_of(test: WidthTest) -> Evidence:
    """The free width with its interval, p and equivalence."""
    return Evidence(test.estimate(), test.p, test.equivalent)


def fitted(test: WidthTest, response: Response) -> dict[str, Any]:
    """For a figure: g_mean, and erf at the free width and at 1/√π."""
    named = {f"erf, σ_free = {test.width:.3f}": test.width, "erf, σ = 1/√π": INVERSE_ROOT_PI}
    curves = {name: erf(response.x, width) for name, width in named.items()}
    return {"x": response.x, "g_mean": response.g_mean, "fitted": curves}


def meaning(test: WidthTest) -> str:
    """One sentence: rejected, confirmed, or not rejected and not confirmed, and what could have been seen."""
    seen = f"this curve could have rejected a deviation of {test.smallest_detectable:.0%} with power 0.8"
    if test.p <= ALPHA:
        return f"rejected: p = {test.p:.3g}, bootstrap p = {test.p_bootstrap:.3g}."
    if test.equivalent:
        return f"confirmed: not rejected (p = {test.p:.3g}) and equivalent within ±{BAND:.0%}."
    return f"not rejected (p = {test.p:.3g}), not confirmed: not equivalent within ±{BAND:.0%}; {seen}."


def rejections(*responses: Response) -> Float[np.ndarray, "*draw"]:
    """How many of the responses' g_mean reject σ = 1/√π at 0.05 by the χ² test."""
    critical = float(scipy.stats.chi2.ppf(1 - ALPHA, 1))
    curves = [np.atleast_2d(response.g_mean) for response in responses]
    defined = [np.isfinite(curve).all(axis=-1) for curve in curves]
    counts = np.zeros(len(curves[0]))
    for response, curve, usable in zip(responses, curves, defined, strict=True):
        counts[usable] += ratios(response.x, curve[usable], INVERSE_ROOT_PI) >= critical
        counts[~usable] = math.nan
    return counts.reshape(responses[0].g_mean.shape[:-1])


def distance_of_interval(test: WidthTest, value: float) -> Estimate:
    """How far `value` lies outside the 95 % interval of the width; 0 inside.

    The interval is the evidence itself, so the distance carries none of its own.
    """
    distance = max(test.low - value, value - test.high, 0.0)
    return Estimate(distance, distance, distance, "distance to the 95 % profile-likelihood interval", test.n, "l/L")
