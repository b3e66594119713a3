"""Sharpness of a profile along one axis: the width of its logistic step."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Real

from semphase.errors import SemphaseError
from semphase.stats.families import STEP
from semphase.stats.fit import fit, floored_rss, refit

WIDEST = 1.0
"""The width reported for a profile that is flat or whose step is wider than the axis."""

_RISE = 2 * math.log(9)  # a logistic rises from 10 to 90 % over 2 ln 9 scales


@dataclass(frozen=True, slots=True)
class TransitionWidth:
    """The 10–90 % width of a logistic step and its `centre`, as fractions of the axis, with the fit's R²."""

    width: float
    centre: float
    r2: float


def transition_width(x: Real[np.ndarray, " point"], y: Float[np.ndarray, " point"]) -> TransitionWidth:
    """Fit a + b / (1 + e^(−(x − c)/s)) with c on the axis; the width is 2 ln 9 · s over the axis, at most 1.

    `x` rises, in any unit; the axis runs from its first to its last value.
    """
    y = np.asarray(y, dtype=float)
    axis = _axis(x)
    if _flat(y):
        return TransitionWidth(WIDEST, 0.5, 0.0)
    found = fit(STEP, axis, y)
    return TransitionWidth(min(_RISE * found.params["s"], WIDEST), found.params["c"], found.r2)


def bounded_widths(
    x: Real[np.ndarray, " point"], curves: Float[np.ndarray, "curve point"]
) -> Float[np.ndarray, " curve"]:
    """w / (w + d) of the width w of `transition_width`, however wide, and the mean distance d of points; nan for flat ones.

    0 for a jump and next to 1 for a straight line, whose own width is anything: so it moves evenly with the profile
    wherever that lies.
    """
    curves = np.asarray(curves, dtype=float)
    widths = _RISE * refit(STEP, _axis(x), curves).params["s"]
    return np.where(_flat(curves), np.nan, widths / (widths + spacing(curves.shape[-1])))


def spacing(points: int) -> float:
    """The mean distance of neighbouring points, as a fraction of the axis."""
    return 1 / (points - 1)


def _axis(x: Real[np.ndarray, " point"]) -> Float[np.ndarray, " point"]:
    x = np.asarray(x, dtype=float)
    if x.ndim != 1 or x.size < 2 or not np.all(np.diff(x) > 0):
        raise SemphaseError("the axis of a transition must be a rising list of at least two values; sort it")
    return np.clip((x - x[0]) / (x[-1] - x[0]), 0.0, 1.0)


def _flat(y: Float[np.ndarray, "*curve point"]) -> bool | np.ndarray:
    variation = np.sum((y - y.mean(axis=-1, keepdims=True)) ** 2, axis=-1)
    return variation <= floored_rss(0.0, y)
