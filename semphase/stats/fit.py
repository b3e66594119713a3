"""Least-squares fits of curve families and their comparison by AIC and BIC.

AIC = 2k + n ln(RSS/n), BIC = k ln n + n ln(RSS/n) (000 exp3F). An RSS below machine precision times the
sum of squares of the data counts as that: an optimiser cannot tell such fits apart, and the logarithm of a
perfect fit stays finite.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from semphase.errors import SemphaseError
from semphase.stats.batch import curves_of, search
from semphase.stats.families import Family

Information = Literal["aic", "bic"]


@dataclass(frozen=True, slots=True)
class Fit:
    """The least-squares fit of one family to one curve; `curve` are the fitted values [layer]."""

    family: str
    params: Mapping[str, float]
    rss: float
    n: int
    k: int
    r2: float
    aic: float
    bic: float
    curve: Float[np.ndarray, " layer"] = field(compare=False, repr=False)

    def __str__(self) -> str:
        shown = ", ".join(f"{name}={value:.4g}" for name, value in self.params.items())
        return f"{self.family}({shown}) R² {self.r2:.4f} AIC {self.aic:.1f} BIC {self.bic:.1f}"


@dataclass(frozen=True, slots=True)
class Refit:
    """Fits of one family to many curves: `params[name]`, `rss`, `aic` and `bic` are arrays [curve]."""

    family: str
    params: Mapping[str, Float[np.ndarray, " curve"]]
    rss: Float[np.ndarray, " curve"]
    n: int
    k: int
    aic: Float[np.ndarray, " curve"]
    bic: Float[np.ndarray, " curve"]


def fit(family: Family, x: Float[np.ndarray, " layer"], y: Float[np.ndarray, " layer"]) -> Fit:
    """Fit with lmfit, started where the descents from the family's grid end."""
    x, curves = _checked(family, x, np.atleast_2d(np.asarray(y, dtype=float)))
    y = curves[0]
    values = _polish(family, x, y, search(family, x, curves)[0][0]) if family.k else np.zeros(0)
    curve = curves_of(family, x, values[None])[0].copy()
    rss = float(floored_rss(np.sum((y - curve) ** 2), y))
    names = [p.name for p in family.parameters]
    return Fit(
        family=family.name,
        params=dict(zip(names, values.tolist(), strict=True)),
        rss=rss,
        n=y.size,
        k=family.k,
        r2=_r_squared(rss, y),
        aic=float(aic(rss, y.size, family.k)),
        bic=float(bic(rss, y.size, family.k)),
        curve=curve,
    )


def compare(
    families: Mapping[str, Family], x: Float[np.ndarray, " layer"], y: Float[np.ndarray, " layer"]
) -> dict[str, Fit]:
    """Fit every family to one curve."""
    return {name: fit(family, x, y) for name, family in families.items()}


def refit(
    family: Family,
    x: Float[np.ndarray, " layer"],
    curves: Float[np.ndarray, "curve layer"],
    start: Fit | None = None,
) -> Refit:
    """Fit many curves at once by the descents of `batch`; `start`, the point fit, joins the grid.

    The minima are those of `fit`. A curve takes some 20 µs; for their many starts
    `critical` takes 2 ms and `two_stage` 50 ms.
    """
    x, y = _checked(family, x, np.asarray(curves, dtype=float))
    known = None if start is None else np.array([[start.params[p.name] for p in family.parameters]])
    parameters, rss = search(family, x, y, known)
    rss = floored_rss(rss, y)
    return Refit(
        family=family.name,
        params={p.name: parameters[:, i] for i, p in enumerate(family.parameters)},
        rss=rss,
        n=x.size,
        k=family.k,
        aic=aic(rss, x.size, family.k),
        bic=bic(rss, x.size, family.k),
    )


def recompare(
    families: Mapping[str, Family],
    x: Float[np.ndarray, " layer"],
    curves: Float[np.ndarray, "curve layer"],
    starts: Mapping[str, Fit] | None = None,
) -> dict[str, Refit]:
    """Fit every family to many curves; `starts` are the point fits of `compare`."""
    known = starts or {}
    return {name: refit(family, x, curves, known.get(name)) for name, family in families.items()}


def margin(
    fits: Mapping[str, Fit] | Mapping[str, Refit],
    names: str | Iterable[str],
    rivals: Iterable[str] | None = None,
    criterion: Information = "aic",
) -> Any:
    """The best rival's AIC (or BIC) minus the best of `names`: positive where one of `names` wins.

    `rivals` are all other fits by default. A float for `Fit`s, an array [curve] for `Refit`s.
    """
    own = {names} if isinstance(names, str) else set(names)
    others = (set(fits) if rivals is None else set(rivals)) - own
    if missing := (own | others) - set(fits):
        raise SemphaseError(f"no fit of {', '.join(sorted(missing))}; fitted are {', '.join(sorted(fits))}")
    if not own or not others:
        raise SemphaseError("a margin needs a family and a rival; name at least one of each")
    best = [np.min([getattr(fits[name], criterion) for name in sorted(side)], axis=0) for side in (others, own)]
    difference = best[0] - best[1]
    return float(difference) if np.ndim(difference) == 0 else difference


def aic(rss: Any, n: int, k: int) -> Any:
    """Akaike's criterion for Gaussian residuals, 2k + n ln(RSS/n)."""
    return 2 * k + n * np.log(np.asarray(rss) / n)


def bic(rss: Any, n: int, k: int) -> Any:
    """Schwarz's criterion for Gaussian residuals, k ln n + n ln(RSS/n)."""
    return k * np.log(n) + n * np.log(np.asarray(rss) / n)


def floored_rss(rss: Any, y: Float[np.ndarray, "*curve layer"]) -> Any:
    """RSS, at least machine precision times the sum of squares of the data."""
    limits = np.finfo(float)
    return np.maximum(rss, limits.eps * np.sum(y * y, axis=-1) + limits.tiny)


def _r_squared(rss: float, y: Float[np.ndarray, " layer"]) -> float:
    total = float(np.sum((y - y.mean()) ** 2))
    return 1 - rss / total if total > floored_rss(0.0, y) else 0.0


def _polish(
    family: Family,
    x: Float[np.ndarray, " layer"],
    y: Float[np.ndarray, " layer"],
    start: Float[np.ndarray, " parameter"],
) -> Float[np.ndarray, " parameter"]:
    import lmfit

    hints = lmfit.Parameters()
    for p, value in zip(family.parameters, start, strict=True):
        hints.add(p.name, value=float(value), min=p.low, max=p.high)
    # lmfit divides by standard errors, which are 0 where the curve does not depend on a parameter.
    with np.errstate(divide="ignore", invalid="ignore"):
        result = lmfit.Model(family.formula).fit(y, hints, x=x, calc_covar=False)
    return np.array([result.params[p.name].value for p in family.parameters])


def _checked(
    family: Family, x: Any, y: Float[np.ndarray, "curve layer"]
) -> tuple[Float[np.ndarray, " layer"], Float[np.ndarray, "curve layer"]]:
    x = np.asarray(x, dtype=float)
    if x.ndim != 1 or y.ndim != 2 or y.shape[1] != x.size:
        raise SemphaseError(f"a curve needs one value for each of its {x.size} depths, got shape {y.shape}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise SemphaseError(f"the curve for the family {family.name} holds a number that is not finite")
    if x.min(initial=0) < 0 or x.max(initial=0) > 1:
        raise SemphaseError("depths are l/L between 0 and 1; divide the layer index by the number of layers")
    if x.size <= family.k:
        raise SemphaseError(
            f"{x.size} layers cannot fix the {family.k} parameters of {family.name}; take a deeper model"
        )
    return x, y
