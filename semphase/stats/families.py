"""Curve families as data: formula, parameters with their bounds, and the grid on which a fit starts.

`x` is the depth l/L in [0, 1]. Every formula broadcasts: parameters of shape [curve, 1] give values of
shape [curve, layer]. Sources: 000 exp3F (`SHAPES`), 001 exp8 (`PI_SHAPES`), 001 exp2 (`LANDAU`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from jaxtyping import Float

Formula = Callable[..., Float[np.ndarray, "*curve layer"]]
_TINY = float(np.finfo(float).tiny)
_POSITIVE = 1e-6


@dataclass(frozen=True, slots=True)
class Parameter:
    """A free parameter between `low` and `high`; without a `grid` it is an amplitude (linear)."""

    name: str
    low: float = -math.inf
    high: float = math.inf
    grid: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Family:
    """A family of curves `formula(x, *parameters)`; fits descend from the `starts` lowest grid points."""

    name: str
    formula: Formula
    parameters: tuple[Parameter, ...] = ()
    starts: int = 1

    @property
    def k(self) -> int:
        """The number of free parameters."""
        return len(self.parameters)


def erf(x: Any, sigma: Any) -> Any:
    """Profile of diffusion: erf of x / (σ√2)."""
    return scipy.special.erf(x / (sigma * math.sqrt(2)))


def exponential(x: Any, tau: Any) -> Any:
    """1 − e^(−x/τ)."""
    return -np.expm1(-x / tau)


def log(x: Any, tau: Any) -> Any:
    """ln(1 + τx) / ln(1 + τ), which is x in the limit τ → 0 and bends upwards for τ < 0."""
    tau = np.where(tau == 0, _TINY, tau)
    return np.log1p(tau * x) / np.log1p(tau)


def sigmoid(x: Any, kappa: Any, c: Any) -> Any:
    """1 / (1 + e^(−κ(x − c)))."""
    return scipy.special.expit(kappa * (x - c))


def power(x: Any, alpha: Any) -> Any:
    """x^α."""
    return x**alpha


def cos_pi(x: Any) -> Any:
    """(1 − cos πx) / 2."""
    return (1 - np.cos(np.pi * x)) / 2


def cos_pi_power(x: Any, alpha: Any) -> Any:
    """(1 − cos πx^α) / 2."""
    return cos_pi(x**alpha)


def sin_pi(x: Any) -> Any:
    """sin(πx/2)."""
    return np.sin(np.pi * x / 2)


def sin_pi_power(x: Any, alpha: Any) -> Any:
    """sin(πx^α / 2)."""
    return sin_pi(x**alpha)


def power_law(x: Any, a: Any, beta: Any) -> Any:
    """A x^β."""
    return a * x**beta


def scaled_tanh(x: Any, a: Any, kappa: Any, c: Any) -> Any:
    """A tanh(κ(x − c))."""
    return a * np.tanh(kappa * (x - c))


def scaled_sigmoid(x: Any, a: Any, kappa: Any, c: Any) -> Any:
    """A / (1 + e^(−κ(x − c)))."""
    return a * scipy.special.expit(kappa * (x - c))


def two_stage(x: Any, a: Any, b: Any, beta: Any, w: Any, c: Any) -> Any:
    """A x^β + B / (1 + e^(−w(x − c)))."""
    return a * x**beta + b * scipy.special.expit(w * (x - c))


def critical(x: Any, a: Any, x_c: Any, beta: Any) -> Any:
    """A max(x − x_c, 0)^β, the Landau form."""
    return a * np.maximum(x - x_c, 0) ** beta


def logistic_step(x: Any, a: Any, b: Any, c: Any, s: Any) -> Any:
    """Step of scale s: a + b / (1 + e^(−(x − c)/s))."""
    return a + b * scipy.special.expit((x - c) / s)


def _positive(name: str, first: float, last: float, points: int) -> Parameter:
    return Parameter(name, low=_POSITIVE, grid=tuple(np.geomspace(first, last, points).tolist()))


def _between(name: str, low: float, high: float, points: int) -> Parameter:
    inside = np.linspace(low, high, points + 2)[1:-1]
    return Parameter(name, low=low, high=high, grid=tuple(inside.tolist()))


def _steepness(name: str, high: float, points: int) -> Parameter:
    return Parameter(name, low=_POSITIVE, high=high, grid=tuple(np.geomspace(3, 0.7 * high, points).tolist()))


def _named(*families: Family) -> Mapping[str, Family]:
    return {family.name: family for family in families}


_A, _B = Parameter("a"), Parameter("b")
_ALPHA = _positive("alpha", 0.05, 20, 40)
_TAU_FROM_MINUS_ONE = Parameter("tau", low=-1 + 1e-12, grid=tuple((np.geomspace(1e-6, 1e6, 60) - 1).tolist()))

SHAPES: Mapping[str, Family] = _named(
    Family("erf", erf, (_positive("sigma", 0.03, 5, 40),)),
    Family("log", log, (_TAU_FROM_MINUS_ONE,)),
    Family("exponential", exponential, (_positive("tau", 0.02, 20, 40),)),
    Family("sigmoid", sigmoid, (_positive("kappa", 0.5, 200, 14), _between("c", -1, 2, 25))),
    Family("power", power, (_ALPHA,)),
)
"""The five families of exp3F for g(x), without a free amplitude."""

PI_SHAPES: Mapping[str, Family] = _named(
    Family("cos_pi", cos_pi),
    Family("cos_pi_power", cos_pi_power, (_ALPHA,)),
    Family("sin_pi", sin_pi),
    Family("sin_pi_power", sin_pi_power, (_ALPHA,)),
)
"""The four families of exp8 B that contain π."""

G: Mapping[str, Family] = {**SHAPES, **PI_SHAPES}
"""All nine families for the permeation function g(x)."""

LANDAU: Mapping[str, Family] = _named(
    Family("power_law", power_law, (_A, _positive("beta", 0.02, 20, 30))),
    Family("tanh", scaled_tanh, (_A, _positive("kappa", 0.2, 100, 14), _between("c", -1, 2, 25))),
    Family("sigmoid", scaled_sigmoid, (_A, _positive("kappa", 0.5, 200, 14), _between("c", -1, 2, 25))),
    Family(
        "two_stage",
        two_stage,
        (_A, _B, _positive("beta", 0.05, 8, 8), _steepness("w", 500, 6), _between("c", 0, 1, 30)),
        starts=40,
    ),
    Family("critical", critical, (_A, _between("x_c", 0, 1, 72), _positive("beta", 0.05, 5, 12)), starts=30),
)
"""The families for a word's response f(x): the four of exp2 and the bare Landau form `critical`."""

STEP = Family(
    "logistic_step",
    logistic_step,
    (_A, _B, _between("c", 0, 1, 25), _positive("s", 0.005, 5, 16)),
    starts=4,
)
"""A logistic step inside the axis, for transition widths."""
