"""Scaling laws of perplexity: the power law PPL = A · n^α in n training tokens, and the form that saturates.

The power law is the least-squares line of log PPL on log n (003). Its rival has a floor, PPL = L∞ + A · n^α, and the
same residuals, so the power law is its case L∞ = 0. Four sizes leave the rival one degree of freedom: they can show
that a floor is not needed, hardly that there is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from semphase.errors import SemphaseError, Undefined
from semphase.stats.fit import bic, floored_rss

FLOORS = (0.0, 0.3, 0.6, 0.9)
"""Where fits of L∞ start, as shares of the lowest perplexity."""


@dataclass(frozen=True, slots=True, eq=False)
class PowerLaws:
    """α, ln A and R² of one power law for each leading cell, [*cell]."""

    alpha: Float[np.ndarray, "*cell"]
    log_a: Float[np.ndarray, "*cell"]
    r2: Float[np.ndarray, "*cell"]


@dataclass(frozen=True, slots=True)
class Saturation:
    """The form with a floor beside the power law on the same n points.

    `floor` is L∞ in PPL; AICc counts the residuals' variance as a parameter and is None where n is too small for it.
    """

    floor: float
    alpha: float
    log_a: float
    points: int
    bic: float
    bic_of_power_law: float
    aicc: float | None
    aicc_of_power_law: float | None


def power_laws(tokens: Int[np.ndarray, " size"], log_ppl: Float[np.ndarray, "*cell size"]) -> PowerLaws:
    """Least squares of log PPL on log tokens; R² is 0 where log PPL does not vary."""
    log_n = _logs(tokens)
    x = log_n - log_n.mean()
    mean = log_ppl.mean(axis=-1)
    alpha = log_ppl @ x / (x @ x)
    deviations = log_ppl - mean[..., None]
    total, explained = (deviations**2).sum(axis=-1), alpha**2 * (x @ x)
    varies = total > floored_rss(0.0, log_ppl)
    r2 = np.where(varies, explained / np.where(varies, total, 1.0), 0.0)
    return PowerLaws(alpha, mean - alpha * log_n.mean(), np.minimum(r2, 1.0))


def unlogged_power_laws(tokens: Int[np.ndarray, " size"], log_ppl: Float[np.ndarray, "*cell size"]) -> PowerLaws:
    """Least squares of PPL itself on A · n^α, where A is linear and α is searched from that of the logs.

    R² is that of PPL, 0 where it does not vary.
    """
    from scipy.optimize import elementwise

    log_n, line = _logs(tokens), power_laws(tokens, log_ppl)
    x, level = log_n - log_n.mean(), log_ppl.mean(axis=-1)
    ppl = np.exp(log_ppl - level[..., None])

    def fit(alpha: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        powers = np.exp(alpha[..., None] * x)
        a = (own * powers).sum(axis=-1) / (powers**2).sum(axis=-1)
        return a, ((own - a[..., None] * powers) ** 2).sum(axis=-1)

    def remaining(alpha: np.ndarray, *by_size: np.ndarray) -> np.ndarray:
        return fit(alpha, np.stack(by_size, axis=-1))[1]

    by_size = tuple(np.moveaxis(ppl, -1, 0))
    around = elementwise.bracket_minimum(
        remaining, line.alpha, xl0=line.alpha - 0.1, xr0=line.alpha + 0.1, args=by_size
    )
    found = elementwise.find_minimum(remaining, around.bracket, args=by_size)
    # Where PPL does not vary, nothing is to be found and the line is as good.
    alpha = np.where(found.success, found.x, line.alpha)
    a, rss = fit(alpha, ppl)
    total = ((ppl - ppl.mean(axis=-1, keepdims=True)) ** 2).sum(axis=-1)
    r2 = np.where(total > floored_rss(0.0, ppl), 1 - rss / np.where(total > 0, total, 1.0), 0.0)
    return PowerLaws(alpha, np.log(a) + level - alpha * log_n.mean(), np.clip(r2, 0.0, 1.0))


def reduction_by_doubling(alpha: Any) -> Any:
    """By which share PPL falls when the tokens double: 1 − 2^α (004)."""
    return 1 - 2.0**alpha


def saturation(tokens: Int[np.ndarray, " size"], log_ppl: Float[np.ndarray, "size repeat"]) -> Saturation:
    """Fit PPL = L∞ + A · n^α, L∞ ≥ 0, to log PPL by lmfit, and compare it with the power law."""
    log_n = np.repeat(_logs(tokens), log_ppl.shape[1])
    y = log_ppl.ravel()
    if not np.isfinite(y).all():
        raise Undefined("a scaling law needs finite perplexities; look at the trainings.")
    line = power_laws(tokens, log_ppl.mean(axis=1))
    plain = float(((y - line.log_a - line.alpha * log_n) ** 2).sum())
    fits = [_fit(log_n, y, line, share) for share in FLOORS]
    best = min(fits, key=lambda fit: float(fit.chisqr))
    values, n = best.params.valuesdict(), len(y)
    rss = [float(floored_rss(own, y)) for own in (min(best.chisqr, plain), plain)]
    return Saturation(
        floor=values["floor"],
        alpha=values["alpha"],
        log_a=values["log_a"],
        points=n,
        bic=float(bic(rss[0], n, 3)),
        bic_of_power_law=float(bic(rss[1], n, 2)),
        aicc=aicc(rss[0], n, 4),
        aicc_of_power_law=aicc(rss[1], n, 3),
    )


def aicc(rss: float, n: int, k: int) -> float | None:
    """Akaike's criterion corrected for few points, k with the variance among the parameters (Hurvich & Tsai 1989).

    None where n ≤ k + 1, since the correction is not defined there.
    """
    return None if n <= k + 1 else float(n * np.log(rss / n) + 2 * k + 2 * k * (k + 1) / (n - k - 1))


def _fit(log_n: np.ndarray, y: np.ndarray, line: PowerLaws, share: float) -> Any:
    lowest = float(np.exp(y.min()))
    import lmfit

    start = lmfit.Parameters()
    start.add("floor", value=share * lowest, min=0.0, max=float(np.exp(y.max())))
    start.add("log_a", value=float(line.log_a) + np.log1p(-share))
    start.add("alpha", value=float(line.alpha), max=0.0)

    def residuals(p: Any) -> np.ndarray:
        return np.logaddexp(np.log(p["floor"].value + 1e-300), p["log_a"].value + p["alpha"].value * log_n) - y

    # Residuals may vanish, and lmfit's standard errors, which are not used, would divide by them.
    with np.errstate(divide="ignore", invalid="ignore"):
        return lmfit.minimize(residuals, start, calc_covar=False)


def _logs(tokens: Int[np.ndarray, " size"]) -> Float[np.ndarray, " size"]:
    if len(np.unique(tokens)) < 2 or not (np.asarray(tokens) > 0).all():
        raise SemphaseError(
            f"a scaling law needs at least two sizes of text, got {list(tokens)} tokens; train on more."
        )
    return np.log(np.asarray(tokens, dtype=float))
