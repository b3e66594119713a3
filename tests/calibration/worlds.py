"""Simulated worlds with a known truth, one kind for each kind of statistic; measurements are simulated, not estimates.

Units are normal, log-normal (log standard deviation ½, skewness 1.75) or Student's t with three degrees of freedom, all
standardised. A world's quantity stands where its statistic takes it from: a mean at 0, a correlation at ρ.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from semphase.stats.estimate import Estimate
from semphase.stats.estimates import best_of, correlation, estimate, largest, mean, perplexity_ratio, share, worst
from semphase.stats.least import Kind

Noise = Callable[..., np.ndarray]
LOG_SPREAD, FREEDOM = 0.5, 3


def normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.normal(size=shape)


def log_normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    variance = math.exp(LOG_SPREAD**2)
    drawn = rng.lognormal(0, LOG_SPREAD, shape)
    return (drawn - math.sqrt(variance)) / math.sqrt(variance * (variance - 1))


def heavy(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.standard_t(FREEDOM, shape) / math.sqrt(FREEDOM / (FREEDOM - 2))


NOISE: dict[str, Noise] = {"normal": normal, "log-normal": log_normal, "t₃": heavy}


@dataclass(frozen=True)
class World:
    """`draw(rng, noise, units)` simulates one study and makes its estimate; `truth` is what it estimates.

    `effect` is the distance from a threshold at which the power is stated, with what it means in words. A conservative
    kind may hold more often than it says.
    """

    kind: Kind
    what: str
    draw: Callable[[np.random.Generator, Noise, int], Estimate]
    truth: float
    effect: float
    meaning: str
    conservative: bool = False
    noises: tuple[str, ...] = tuple(NOISE)


def a_mean(rng: np.random.Generator, noise: Noise, units: int) -> Estimate:
    return mean(noise(rng, units))


def clusters(rng: np.random.Generator, noise: Noise, units: int) -> Estimate:
    """Clusters of one to seven values that share half of their variance."""
    labels = np.repeat(np.arange(units), np.resize([1, 3, 5, 7], units))
    values = noise(rng, units)[labels] + noise(rng, len(labels))
    return mean(values / math.sqrt(2), clusters=labels)


def uneven_clusters(rng: np.random.Generator, noise: Noise, units: int) -> Estimate:
    """Clusters whose sizes are log-normal, from one to some ten values that share half of their variance."""
    labels = np.repeat(np.arange(units), np.ceil(rng.lognormal(1, 0.7, units)).astype(int))
    values = noise(rng, units)[labels] + noise(rng, len(labels))
    return mean(values / math.sqrt(2), clusters=labels)


def a_ratio(rng: np.random.Generator, noise: Noise, units: int) -> Estimate:
    """Losses of 64 tokens a block whose level and whose gain both wander from block to block."""
    base = rng.exponential(3, (units, 64)) + 0.5 * noise(rng, units)[:, None]
    gain = math.log(1.1) + 0.1 * noise(rng, units)[:, None] + 0.2 * noise(rng, units, 64)
    return perplexity_ratio(base + gain, base)


def a_correlation(rho: float) -> Callable[[np.random.Generator, Noise, int], Estimate]:
    def draw(rng: np.random.Generator, noise: Noise, units: int) -> Estimate:
        first, second = noise(rng, 2, units)
        return correlation(first, rho * first + math.sqrt(1 - rho**2) * second)

    return draw


def a_slope(rng: np.random.Generator, noise: Noise, units: int) -> Estimate:
    """Of a least-squares line whose residuals are the noise."""
    x = rng.normal(size=units)
    return estimate(slope, x, x + noise(rng, units))


def a_variation(rng: np.random.Generator, noise: Noise, units: int) -> Estimate:
    return estimate(variation, 1 + 0.2 * noise(rng, units), within=(0, math.inf))


def slope(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    centred = x - x.mean(axis=-1, keepdims=True)
    return (centred * y).sum(axis=-1) / (centred**2).sum(axis=-1)


def variation(x: np.ndarray) -> np.ndarray:
    return x.std(axis=-1, ddof=1) / np.abs(x.mean(axis=-1))


def the_worst(rows: int, gap: float) -> Callable[[np.random.Generator, Noise, int], Estimate]:
    """The lowest of rows whose samples share half of their variance; the others lie a gap above it."""

    def draw(rng: np.random.Generator, noise: Noise, units: int) -> Estimate:
        above = gap * (np.arange(rows) > 0)[:, None]
        return worst(above + (noise(rng, units) + noise(rng, rows, units)) / math.sqrt(2))

    return draw


def alone(rows: int) -> Callable[[np.random.Generator, Noise, int], Estimate]:
    """The lowest of rows of one mean that share nothing."""
    return lambda rng, noise, units: worst(noise(rng, rows, units))


def the_largest(rng: np.random.Generator, noise: Noise, units: int) -> Estimate:
    """The largest of thirty rows of one mean with the longer tail below."""
    return largest(-noise(rng, 30, units))


def the_best(rng: np.random.Generator, noise: Noise, units: int) -> Estimate:
    """The first of five by 0.3, on samples that all share."""
    lead = np.array([0.3, 0, 0, 0, -0.3])[:, None]
    return best_of(lead + noise(rng, units) + noise(rng, 5, units) / math.sqrt(2))


def a_share(p: float) -> Callable[[np.random.Generator, Noise, int], Estimate]:
    return lambda rng, noise, units: share(rng.random(units) < p)


def a_share_of_clusters(rng: np.random.Generator, noise: Noise, units: int) -> Estimate:
    """Clusters of five flags whose own share is uniform."""
    own = np.repeat(rng.random(units), 5)
    return share(rng.random(5 * units) < own, clusters=np.repeat(np.arange(units), 5))


ONE_DEVIATION = "one standard deviation of the units"
COIN = ("normal",)
WORLDS = (
    World("mean", "mean", a_mean, 0.0, 1.0, ONE_DEVIATION),
    World("mean", "mean of clusters", clusters, 0.0, 1.0, ONE_DEVIATION, conservative=True),
    World("mean", "mean of uneven clusters", uneven_clusters, 0.0, 1.0, ONE_DEVIATION, conservative=True),
    World("ratio of perplexities", "perplexity ratio 1.1", a_ratio, 1.1, 0.1, "ratio 1.1 against 1.0"),
    World("correlation", "correlation 0", a_correlation(0.0), 0.0, 0.5, "r 0.5 off", conservative=True),
    World("correlation", "correlation 0.9", a_correlation(0.9), 0.9, 0.4, "r 0.4 off", conservative=True),
    World("any smooth statistic", "slope", a_slope, 1.0, 1.0, "slope 1 off", conservative=True),
    World(
        "any smooth statistic",
        "coefficient of variation",
        a_variation,
        0.2,
        0.1,
        "variation 0.1 off",
        conservative=True,
        noises=("normal", "log-normal"),
    ),
    World("worst of many", "lowest of 8, all equal", the_worst(8, 0.0), 0.0, 1.0, ONE_DEVIATION, conservative=True),
    World("worst of many", "lowest of 8, by 0.5", the_worst(8, 0.5), 0.0, 1.0, ONE_DEVIATION, conservative=True),
    World("worst of many", "lowest of 325, all equal", the_worst(325, 0.0), 0.0, 1.0, ONE_DEVIATION, conservative=True),
    World("worst of many", "lowest of 8 that share nothing", alone(8), 0.0, 1.0, ONE_DEVIATION, conservative=True),
    World("worst of many", "lowest of 325 that share nothing", alone(325), 0.0, 1.0, ONE_DEVIATION, conservative=True),
    World("worst of many", "largest of 30, skewed below", the_largest, 0.0, 1.0, ONE_DEVIATION, conservative=True),
    World("worst of many", "best of 5 by 0.3", the_best, 0.3, 1.0, ONE_DEVIATION, conservative=True),
    *(
        World("share", f"share {p:g}", a_share(p), p, 0.3, "0.3 off", conservative=True, noises=COIN)
        for p in (0.1, 0.5, 0.9)
    ),
    World("share", "share 0.5 of clusters", a_share_of_clusters, 0.5, 0.3, "0.3 off", conservative=True, noises=COIN),
)
UNITS = (4, 6, 9, 16, 26, 100)
