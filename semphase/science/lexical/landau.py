"""The Landau hypothesis in curve families: exponents of f(l), and which family describes it best (001 exp2).

The last layer is left out, as in the source.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from semphase.science.lexical.conditions import Conditions
from semphase.stats.families import LANDAU
from semphase.stats.fit import recompare, refit

AT_BOUND = 1e-5
"""As near to its bound as a fit that ends there comes."""
PUBLISHED = ("two_stage", "power_law", "tanh", "sigmoid")
"""The families that the source compares; the first is the one it prefers."""


def exponent(family: str) -> Callable[[Conditions], Float[np.ndarray, "*draw word"]]:
    """β of one family fitted to each word's f(l)."""

    def of(data: Conditions) -> Float[np.ndarray, "*draw word"]:
        curves = data.f[..., :-1]
        rows = refit(LANDAU[family], data.x[:-1], curves.reshape(-1, curves.shape[-1])).params["beta"]
        return np.asarray(rows).reshape(curves.shape[:-1])

    return of


def winners(data: Conditions) -> Int[np.ndarray, " word"]:
    """The place in `PUBLISHED` of the family with the lowest BIC, for each word."""
    fits = recompare({name: LANDAU[name] for name in PUBLISHED}, data.x[:-1], data.f[:, :-1])
    return np.argmin([fits[name].bic for name in PUBLISHED], axis=0)


def inside(exponents: Float[np.ndarray, " word"]) -> Float[np.ndarray, " kept"]:
    """The exponents of words that have one: a fit that ends at its bound has found none."""
    (bounds,) = [(p.low, p.high) for p in LANDAU["power_law"].parameters if p.name == "beta"]
    low, high = (end * (1 + sign * AT_BOUND) + sign * AT_BOUND for end, sign in zip(bounds, (1, -1), strict=True))
    return exponents[(exponents > low) & (exponents < high)]
