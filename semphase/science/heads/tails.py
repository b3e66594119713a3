"""Is a list of importances a power law? The method of Clauset, Shalizi and Newman.

"Power-law distributions in empirical data", SIAM Review 51 (2009) 661, called CSN below: the exponent by maximum
likelihood above a threshold chosen by the smallest Kolmogorov–Smirnov distance, a goodness of fit by bootstrap, and
likelihood ratios against rivals. The rivals are fitted by the `powerlaw` package (Alstott, Bullmore, Plenz 2014). The
fit itself is done here for all draws of a bootstrap at once; unlike powerlaw 2, which leaves out thresholds with an
exponent above 3, it takes every exponent above 1, as CSN do.

The threshold moves up until the rest looks like a power law, so the tests seldom reject: of 100 to 1000 log-normal or
exponential values two thirds pass p ≥ 0.1 and are not beaten at p < 0.05 by either rival. What tells them apart is how
much is left: such tails hold a third of 100 values and less of more, those of a power law most. Read `n_tail` first.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import scipy
from jaxtyping import Bool, Float, Int

from semphase.errors import Undefined
from semphase.stats.estimate import Estimate
from semphase.stats.interval import with_interval
from semphase.stats.resample import proportion

LEAST = 10
"""Positive values below which nothing is fitted."""
MOST_RIVAL_DRAWS = 200
"""Resamples for the interval of a rival's p; each takes two numerical fits."""


FAR = 25.0
"""Beyond it SciPy's erfc comes near the smallest number."""
ERROR_DRAWS = 20
"""Draws of a measurement error under which a fit is tried again."""


@dataclass(frozen=True, slots=True)
class Tails:
    """A power-law fit of each draw; a draw of fewer than three different positive values has NaN and distance ∞."""

    alpha: Float[np.ndarray, " draw"]
    xmin: Float[np.ndarray, " draw"]
    n_tail: Int[np.ndarray, " draw"]
    distance: Float[np.ndarray, " draw"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Vuong's test of the power law against a rival on the tail: normalised log likelihood ratio, two-sided p.

    A positive ratio favours the power law.
    """

    ratio: float
    p: float

    @property
    def beaten(self) -> float:
        """The p at which the rival beats the power law; 1 where the ratio is on the power law's side."""
        return self.p if self.ratio < 0 else 1.0


@dataclass(frozen=True, slots=True)
class TailFit:
    """The power-law fit of the positive values, p(x) ∝ x^−alpha from xmin upwards on n_tail values.

    `p` is the goodness of fit; `rank_exponent` and `rank_r2` belong to the line through log importance and log rank
    of all positive values, importance ∝ rank^−rank_exponent.
    """

    n_positive: int
    share_not_positive: float
    alpha: float
    xmin: float
    n_tail: int
    p: float
    against_lognormal: Comparison
    against_exponential: Comparison
    rank_exponent: float
    rank_r2: float


@dataclass(frozen=True, slots=True)
class PowerLawEstimates:
    """What decides on a power law: goodness of fit, and the p at which either rival beats it, with intervals."""

    fit: TailFit
    goodness: Estimate
    beaten_by_lognormal: Estimate
    beaten_by_exponential: Estimate


def fit_tail(values: Float[np.ndarray, " value"], draws: int, rng: np.random.Generator) -> TailFit:
    """Fit the positive ones of `values` and test the fit with `draws` samples of it."""
    positive = _positive(values)
    tail = tails(positive[None])
    if not np.isfinite(tail.alpha[0]):
        raise Undefined(f"no tail can be fitted to {len(positive)} positive values of which fewer than three differ")
    xmin = float(tail.xmin[0])
    lognormal, exponential = comparisons(positive, xmin)
    exponent, r2 = rank_fit(positive)
    return TailFit(
        n_positive=len(positive),
        share_not_positive=1 - len(positive) / len(values),
        alpha=float(tail.alpha[0]),
        xmin=xmin,
        n_tail=int(tail.n_tail[0]),
        p=goodness(positive, tail, draws, rng),
        against_lognormal=lognormal,
        against_exponential=exponential,
        rank_exponent=exponent,
        rank_r2=r2,
    )


def power_law_estimates(
    values: Float[np.ndarray, " value"], draws: int, rng: np.random.Generator, over: str = "heads", error: float = 0.0
) -> PowerLawEstimates:
    """The fit, its goodness with Wilson's interval over the draws, and the p at which each rival beats it.

    The interval of the goodness is that of a share counted in finitely many samples. A rival's number is itself the
    p of a test; its interval says how much it hangs on which values (`over`) there are: they are resampled, at most
    `MOST_RIVAL_DRAWS` times, and threshold and rivals fitted anew. It is often wide, as p-values are.

    `error` is the standard deviation with which the values were measured. A small one can move the threshold and with
    it the goodness by far, so its interval is widened to what the values give when that error is added again.
    """
    fit = fit_tail(values, draws, rng)
    share = proportion(round(fit.p * draws), draws)
    text = f"share of {draws} samples of the fitted law that fit it worse (Clauset et al. 2009, 4.1), {share.method}"
    if error:
        moved = _goodness_when_moved(values, error, min(draws, MOST_RIVAL_DRAWS), rng.spawn(1)[0])
        share = replace(share, low=min(share.low, *moved), high=max(share.high, *moved))
        text += f"; widened to {ERROR_DRAWS} draws of a measurement error of {error:.2g}"
    beaten = _beaten_draws(values, min(draws, MOST_RIVAL_DRAWS), rng)
    rivals = (fit.against_lognormal, fit.against_exponential)
    estimates = [
        with_interval(rival.beaten, drawn, n=len(values), what=f"bootstrap over {over}")
        for rival, drawn in zip(rivals, beaten.T, strict=True)
    ]
    return PowerLawEstimates(fit, replace(share, method=text), *estimates)


def _goodness_when_moved(
    values: Float[np.ndarray, " value"], error: float, draws: int, rng: np.random.Generator
) -> list[float]:
    moved = [_positive(values + rng.normal(0, error, size=values.shape)) for _ in range(ERROR_DRAWS)]
    return [goodness(own, tails(own[None]), draws, rng) for own in moved]


def tails(values: Float[np.ndarray, "draw value"]) -> Tails:
    """The continuous power-law fit of each row (CSN 3.1, 3.3); values that are not positive are left out.

    Every value but the two largest different ones may be the threshold, as in powerlaw.Fit. Above a threshold x_i
    with m values alpha is 1 + m / Σ ln(x_j / x_i), and the distance is max |F(x_j) − share of the m below x_j|, as in
    CSN's own code. Of equal distances the lowest threshold is taken.
    """
    values = np.sort(values, axis=-1)
    positive = values > 0
    logs = np.where(positive, np.log(np.where(positive, values, 1.0)), -np.inf)
    alpha, place, distance = _fit(logs)
    found = np.isfinite(distance)
    xmin = np.where(found, values[np.arange(len(values)), place], np.nan)
    return Tails(alpha, xmin, np.where(found, values.shape[1] - place, 0), distance)


def _fit(
    logs: Float[np.ndarray, "draw value"],
) -> tuple[Float[np.ndarray, " draw"], Int[np.ndarray, " draw"], Float[np.ndarray, " draw"]]:
    """Exponent, place of the threshold and distance of each row of sorted logarithms, −∞ where there is none."""
    draws, n = logs.shape
    first, allowed = _candidates(logs)
    alpha, place, best = np.full(draws, np.nan), np.zeros(draws, dtype=int), np.full(draws, np.inf)
    above = np.cumsum(logs[:, ::-1], axis=-1)[:, ::-1]
    for i in np.flatnonzero(allowed.any(axis=0)):
        rows = np.flatnonzero(allowed[:, i])
        slope = (n - i) / (above[rows, i] - (n - i) * logs[rows, i])
        law = 1 - np.exp(-slope[:, None] * (logs[rows, i:] - logs[rows, i, None]))
        distance = np.abs(law - (first[rows, i:] - i) / (n - i)).max(axis=-1)
        better = distance < best[rows]
        rows = rows[better]
        alpha[rows], place[rows], best[rows] = 1 + slope[better], i, distance[better]
    return alpha, place, best


def _candidates(
    logs: Float[np.ndarray, "draw value"],
) -> tuple[Int[np.ndarray, "draw value"], Bool[np.ndarray, "draw value"]]:
    """Of sorted rows: the place of the first of equal values, and which values may be thresholds."""
    draws, n = logs.shape
    fresh = np.concatenate([np.ones((draws, 1), dtype=bool), logs[:, 1:] > logs[:, :-1]], axis=-1)
    first = np.maximum.accumulate(np.where(fresh, np.arange(n), 0), axis=-1)
    # Where nothing is below the largest, nothing is below −∞ either.
    second = np.where(first[:, -1] > 0, logs[np.arange(draws), first[:, -1] - 1], -np.inf)
    return first, fresh & np.isfinite(logs) & (logs < second[:, None])


def goodness(values: Float[np.ndarray, " value"], tail: Tails, draws: int, rng: np.random.Generator) -> float:
    """Share of samples of the fitted law that lie as far or farther from their own fit than `values` do (CSN 4.1).

    `values` are positive and `tail` their fit, as one draw. A sample has their size; each member comes from the law
    with probability n_tail / n, else from the values below the threshold. Threshold and exponent are fitted anew.
    """
    xmin, alpha = float(tail.xmin[0]), float(tail.alpha[0])
    body, size = values[values < xmin], (draws, len(values))
    sample = np.log(xmin) + rng.exponential(1 / (alpha - 1), size=size)
    if len(body):
        below = rng.random(size) < len(body) / len(values)
        sample = np.where(below, np.log(body)[rng.integers(0, len(body), size=size)], sample)
    return float(np.mean(_fit(np.sort(sample, axis=-1))[2] >= tail.distance[0]))


def comparisons(values: Float[np.ndarray, " value"], xmin: float) -> tuple[Comparison, Comparison]:
    """The power law against log-normal and exponential on the values from xmin upwards (CSN 5.1, Vuong 1989).

    The power law is a limit of log-normals, so the first test leans to the power law's side: it needs long tails.
    """
    # Loading it draws in pyplot, which most runs do without.
    import powerlaw

    # Likelihood ratios know no unit; near 1 the numerical fits are best conditioned.
    tail = values[values >= xmin] / xmin
    with warnings.catch_warnings():
        # It warns of every parameter on the way to the optimum.
        warnings.simplefilter("ignore")
        fit = powerlaw.Fit(tail, xmin=1.0, parameter_ranges={"alpha": [1, None]}, verbose=0)
        fit.supported_distributions = {**fit.supported_distributions, "lognormal": _lognormal()}
        return _compare(fit, "lognormal"), _compare(fit, "exponential")


@cache
def _lognormal() -> type:
    """powerlaw's log-normal with SciPy's erfc where that is exact: the one of mpmath takes half of the time of a fit."""
    import powerlaw

    exact = powerlaw.Lognormal._pdf_continuous_normalizer

    def normaliser(self: Any) -> float:
        below = -(self.mu - np.log(self.xmin)) / (self.sigma * np.sqrt(2))
        if below > FAR:
            return float(exact.fget(self))
        return float(self.sigma * np.sqrt(np.pi / 2) * scipy.special.erfc(below))

    return type("Lognormal", (powerlaw.Lognormal,), {"_pdf_continuous_normalizer": property(normaliser)})


def _compare(fit: Any, rival: str) -> Comparison:
    ratio, p = fit.distribution_compare("power_law", rival, normalized_ratio=True)
    # Likelihoods without a difference in any value decide nothing.
    return Comparison(float(ratio), float(p)) if np.isfinite(ratio) and np.isfinite(p) else Comparison(0.0, 1.0)


def rank_fit(values: Float[np.ndarray, " value"]) -> tuple[float, float]:
    """Exponent and r² of value ∝ rank^−exponent, least squares on logarithms of positive values, rank 1 the largest."""
    ranked = np.sort(values)[::-1]
    line = scipy.stats.linregress(np.log(np.arange(1, len(ranked) + 1)), np.log(ranked))
    return -float(line.slope), float(line.rvalue) ** 2


def _positive(values: Float[np.ndarray, " value"]) -> Float[np.ndarray, " positive"]:
    values = np.asarray(values, dtype=np.float64)
    if not np.isfinite(values).all():
        raise Undefined("a tail cannot be fitted to values that are not finite")
    positive = values[values > 0]
    if len(positive) < LEAST:
        raise Undefined(
            f"a power law needs at least {LEAST} positive values and {len(positive)} of {len(values)} are; take a "
            "model with more heads"
        )
    return positive


def _beaten_draws(values: Float[np.ndarray, " value"], draws: int, rng: np.random.Generator) -> np.ndarray:
    """`Comparison.beaten` of resampled values, [draw, rival]; NaN where too few of a resample are positive."""
    resampled = np.asarray(values, dtype=np.float64)[rng.integers(0, len(values), size=(draws, len(values)))]
    fits = tails(resampled)
    found = np.full((draws, 2), np.nan)
    for draw in np.flatnonzero(np.isfinite(fits.alpha) & ((resampled > 0).sum(axis=-1) >= LEAST)):
        found[draw] = [rival.beaten for rival in comparisons(resampled[draw], float(fits.xmin[draw]))]
    return found
