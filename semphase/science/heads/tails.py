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

import math
import warnings
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
import scipy
from jaxtyping import Bool, Float, Int

from semphase.errors import Undefined
from semphase.stats.binomial import exact_share
from semphase.stats.estimate import Estimate
from semphase.stats.level import TAIL
from semphase.stats.sampling import Sampling

Cutoff = Literal["best", "smallest"]
"""Where a tail begins: at the value of least distance, or at the smallest positive one, so that all belong to it."""
LEAST = 10
"""Positive values below which nothing is fitted."""
MOST_MOVED_DRAWS = 200
"""Samples for each draw of a measurement error."""
FARTHEST_CUT = 12.0
"""A normal cut so many standard deviations above its mean is an exponential, but for rounding of its likelihood."""
_SAME = 1e-9
"""Nats for each value: likelihoods that differ by less are alike."""
_LED = ("a log-normal leads by as much", "an exponential leads by as much")
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
    """What decides on a power law: the p of the fit, and the p at which either rival beats it, with intervals."""

    fit: TailFit
    goodness: Estimate
    beaten_by_lognormal: Estimate
    beaten_by_exponential: Estimate


@dataclass(frozen=True, slots=True)
class Extremity:
    """How badly each draw fits: its distance from its own power law, and by how much each rival leads it, in nats.

    A lead is the log likelihood ratio on the tail where that is the rival's, else 0.
    """

    distance: Float[np.ndarray, " draw"]
    lognormal: Float[np.ndarray, " draw"]
    exponential: Float[np.ndarray, " draw"]


def fit_tail(values: Float[np.ndarray, " value"], p: float, cutoff: Cutoff = "best") -> TailFit:
    """The fit of the positive ones of `values`, whose goodness has this `p`."""
    positive = _positive(values)
    tail = _fitted(positive, cutoff)
    xmin = float(tail.xmin[0])
    lognormal, exponential = comparisons(positive, xmin)
    exponent, r2 = rank_fit(positive)
    return TailFit(
        n_positive=len(positive),
        share_not_positive=1 - len(positive) / len(values),
        alpha=float(tail.alpha[0]),
        xmin=xmin,
        n_tail=int(tail.n_tail[0]),
        p=p,
        against_lognormal=lognormal,
        against_exponential=exponential,
        rank_exponent=exponent,
        rank_r2=r2,
    )


def power_law_estimates(
    values: Float[np.ndarray, " value"],
    draws: int,
    rng: np.random.Generator,
    error: float = 0.0,
    cutoff: Cutoff = "best",
) -> PowerLawEstimates:
    """The fit, its p and the p at which each rival beats it, all by the same samples of the fitted law (CSN 4.1).

    Each p is the share of samples that are at least as extreme, (r + 1)/(draws + 1), never less than its resolution;
    samples are fitted as the values are, so that a p allows for the chosen threshold and for a rival that holds the
    power law as a limit, where Vuong's normal distribution (shown with the fit) does not hold. Their intervals are Clopper
    and Pearson's (1934) over the samples: they tell a p from its threshold, and speak of these values. A rival beats the
    power law only where it leads; else its p is 1.

    `error` is the standard deviation with which the values were measured. A small one can move the threshold and with
    it every p by far, so the intervals are widened to what the values give when that error is added again.
    """
    own = extreme_shares(_positive(values), draws, rng, cutoff)
    moved = []
    if error:
        generator = rng.spawn(1)[0]
        tried = [values + generator.normal(0, error, size=np.shape(values)) for _ in range(ERROR_DRAWS)]
        fewer = min(draws, MOST_MOVED_DRAWS)
        moved = [extreme_shares(_positive(again), fewer, generator, cutoff) for again in tried]
    estimates = [
        _share_estimate(count, draws, [(other[i], min(draws, MOST_MOVED_DRAWS)) for other in moved], what, error)
        for i, (count, what) in enumerate(zip(own, ("fit it worse", *_LED), strict=True))
    ]
    return PowerLawEstimates(fit_tail(values, estimates[0].value, cutoff), *estimates)


def _share_estimate(count: int, draws: int, moved: list[tuple[int, int]], what: str, error: float) -> Estimate:
    def bounds(tail: float) -> tuple[float, float]:
        each = [exact_share(r, b, 1 - 2 * tail) for r, b in [(count, draws), *moved]]
        return min(low for low, _ in each), max(high for _, high in each)

    low, high = bounds(TAIL)
    method = (
        f"share of {draws} samples of the fitted law that {what} (Clauset et al. 2009, 4.1), Clopper-Pearson interval"
    )
    if moved:
        method += f"; widened to {len(moved)} draws of a measurement error of {error:.2g}"
    value, drawn = (count + 1) / (draws + 1), Sampling.of_bounds(bounds)
    # Under the law itself the share is below p in p of all worlds: refuting takes that p, however many samples are drawn.
    sampling = Sampling(drawn.above, lambda bound: max(drawn.p_below(bound), value))
    return Estimate(value, low, high, method, draws, population=("samples",), units=(draws,), sampling=sampling)


def extreme_shares(
    values: Float[np.ndarray, " value"], draws: int, rng: np.random.Generator, cutoff: Cutoff = "best"
) -> tuple[int, int, int]:
    """How many samples of the law fitted to positive values are as extreme as these: in distance, and in either lead.

    A sample has their size; each member comes from the law with probability n_tail / n, else from the values below the
    threshold. Threshold, exponent and rivals are fitted anew.
    """
    tail = _fitted(values, cutoff)
    xmin, alpha = float(tail.xmin[0]), float(tail.alpha[0])
    body, size = values[values < xmin], (draws, len(values))
    sample = np.log(xmin) + rng.exponential(1 / (alpha - 1), size=size)
    if len(body):
        below = rng.random(size) < len(body) / len(values)
        sample = np.where(below, np.log(body)[rng.integers(0, len(body), size=size)], sample)
    own, others = extremity(np.log(values)[None], cutoff), extremity(sample, cutoff)
    names = ("distance", "lognormal", "exponential")
    slack = _SAME * len(values)
    counts = [
        int(np.sum(getattr(others, name) >= getattr(own, name)[0] - slack * (name != "distance"))) for name in names
    ]
    return counts[0], counts[1], counts[2]


def extremity(logs: Float[np.ndarray, "draw value"], cutoff: Cutoff = "best") -> Extremity:
    """That of each row of logarithms of positive values."""
    logs = np.sort(logs, axis=-1)
    _, place, distance = _fit(logs, cutoff)
    inside = np.arange(logs.shape[1]) >= place[:, None]
    n = inside.sum(axis=-1)
    y = np.where(inside, logs - logs[np.arange(len(logs)), place][:, None], 0.0)
    first, second = y.sum(axis=-1) / n, (y**2).sum(axis=-1) / n
    # On the log scale the power law is an exponential of this mean, and the exponential's rate is one over the mean excess.
    excess = (np.expm1(y) * inside).sum(axis=-1) / n
    with np.errstate(divide="ignore", invalid="ignore"):
        exponential = n * (np.log(first) + first - np.log(excess))
    return Extremity(distance, np.maximum(n * _lognormal_lead(first, second), 0.0), np.maximum(exponential, 0.0))


def _lognormal_lead(
    first: Float[np.ndarray, " draw"], second: Float[np.ndarray, " draw"]
) -> Float[np.ndarray, " draw"]:
    """Log likelihood for each value of the best normal cut at 0, less that of the exponential, from two moments.

    The squared coefficient of variation alone fixes how far below its mean the best one is cut; at 1 the normal has become
    the exponential, and none leads.
    """
    cuts, spreads = _cut_normals()
    spread = second / first**2 - 1
    cut = np.interp(spread, spreads, cuts)
    hazard = _hazard(cut)
    sigma = first / (hazard - cut)
    mean = -cut * sigma
    squares = (second - 2 * mean * first + mean**2) / sigma**2
    own = -np.log(sigma) - squares / 2 - math.log(2 * math.pi) / 2 - scipy.special.log_ndtr(-cut)
    return np.where(spread < spreads[-1], own + np.log(first) + 1, 0.0)


@cache
def _cut_normals() -> tuple[np.ndarray, np.ndarray]:
    """Where standard normals are cut, and the squared coefficient of variation of what is left beyond the cut."""
    cuts = np.linspace(-30, FARTHEST_CUT, 20_001)
    hazard = _hazard(cuts)
    return cuts, (1 + cuts * hazard - hazard**2) / (hazard - cuts) ** 2


def _hazard(cut: Float[np.ndarray, " any"]) -> Float[np.ndarray, " any"]:
    """Of the standard normal: density over what is left beyond the cut."""
    return np.asarray(np.exp(-(cut**2) / 2 - math.log(2 * math.pi) / 2 - scipy.special.log_ndtr(-cut)))


def _fitted(positive: Float[np.ndarray, " positive"], cutoff: Cutoff) -> Tails:
    tail = tails(positive[None], cutoff)
    if not np.isfinite(tail.alpha[0]):
        raise Undefined(f"no tail can be fitted to {len(positive)} positive values of which fewer than three differ")
    return tail


def tails(values: Float[np.ndarray, "draw value"], cutoff: Cutoff = "best") -> Tails:
    """The continuous power-law fit of each row (CSN 3.1, 3.3); values that are not positive are left out.

    Every value but the two largest different ones may be the threshold, as in powerlaw.Fit. Above a threshold x_i
    with m values alpha is 1 + m / Σ ln(x_j / x_i), and the distance is max |F(x_j) − share of the m below x_j|, as in
    CSN's own code. Of equal distances the lowest threshold is taken.
    """
    values = np.sort(values, axis=-1)
    positive = values > 0
    logs = np.where(positive, np.log(np.where(positive, values, 1.0)), -np.inf)
    alpha, place, distance = _fit(logs, cutoff)
    found = np.isfinite(distance)
    xmin = np.where(found, values[np.arange(len(values)), place], np.nan)
    return Tails(alpha, xmin, np.where(found, values.shape[1] - place, 0), distance)


def _fit(
    logs: Float[np.ndarray, "draw value"], cutoff: Cutoff
) -> tuple[Float[np.ndarray, " draw"], Int[np.ndarray, " draw"], Float[np.ndarray, " draw"]]:
    """Exponent, place of the threshold and distance of each row of sorted logarithms, −∞ where there is none."""
    draws, n = logs.shape
    first, allowed = _candidates(logs)
    if cutoff == "smallest":
        allowed &= np.cumsum(allowed, axis=-1) == 1
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
