"""Simulated worlds with a known truth, one kind for each kind of statistic; measurements are simulated, not estimates.

Units are normal, log-normal (log standard deviation ½, skewness 1.75) or Student's t with three degrees of freedom, all
standardised. A world's quantity stands where its statistic takes it from: a mean at 0, a correlation at ρ.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy

from semphase.stats.estimate import Estimate
from semphase.stats.estimates import best_of, correlation, estimate, largest, mean, perplexity_ratio, share, worst
from semphase.stats.least import Kind
from semphase.stats.left_out import Factor, position, smallest, smooth
from semphase.stats.median import median
from semphase.stats.ranked import epsilon_squared
from semphase.verdict.contrast import contrast_of
from semphase.verdict.criterion import above
from semphase.verdict.decision import Evidence

Noise = Callable[..., np.ndarray]
LOG_SPREAD, FREEDOM = 0.5, 3
UNITS = (4, 6, 9, 16, 26, 100)
FEW = (4, 9, 26)


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
    units: tuple[int, ...] = UNITS


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


def mean_curves(rng: np.random.Generator, noise: Noise, units: int) -> Estimate:
    """Over layers, of the means of two kinds of curves, each of which has a slope and a noise of its own in every word."""
    first, second = (
        curve + 0.5 * noise(rng, units)[:, None] * DEPTH + 0.2 * noise(rng, units, len(DEPTH)) for curve in SHAPES
    )
    without = rows_correlated(left_out(first), left_out(second))
    value = float(rows_correlated(first.mean(axis=0), second.mean(axis=0)))
    return smooth(value, Factor("words", without), what="correlation", within=(-1, 1))


def a_ratio_of_means(rng: np.random.Generator, noise: Noise, units: int) -> Estimate:
    above, below = 2 + 0.5 * noise(rng, units), 1 + 0.2 * noise(rng, units)
    factor = Factor("words", left_out(above) / left_out(below))
    return smooth(float(above.mean() / below.mean()), factor, what="ratio", within=(0, math.inf))


def in_strata(rng: np.random.Generator, noise: Noise, units: int) -> Estimate:
    """Three prompts in each stratum, whose own levels are no part of the error."""
    strata = np.repeat(np.arange(units // 3), 3)
    level = np.linspace(0.5, 1.5, units // 3)[strata]
    above, below = level * (2 + noise(rng, units)), level * (1 + 0.3 * noise(rng, units))
    factor = Factor("prompts", within_strata(above, strata) / within_strata(below, strata), strata)
    return smooth(float(above.mean() / below.mean()), factor, what="ratio", within=(0, math.inf))


def documents_and_seeds(rng: np.random.Generator, noise: Noise, units: int) -> Estimate:
    """Losses that wander from seed to seed, from document to document, and from one to the other of both."""
    losses = 0.1 * noise(rng, 4, 1) + 0.3 * noise(rng, units) + 0.1 * noise(rng, 4, units)
    factors = (
        Factor("documents", np.exp(left_out(losses.mean(axis=0)))),
        Factor("seeds", np.exp(left_out(losses.mean(axis=1)))),
    )
    return smooth(float(np.exp(losses.mean())), *factors, what="perplexity", within=(0, math.inf))


def the_lowest(rows: int) -> Callable[[np.random.Generator, Noise, int], Estimate]:
    """Of ratios of means of one size, whose words share half of their variance."""

    def draw(rng: np.random.Generator, noise: Noise, units: int) -> Estimate:
        above = 1 + 0.2 * (noise(rng, units) + noise(rng, rows, units))
        below = 1 + 0.1 * (noise(rng, units) + noise(rng, rows, units))
        values = above.mean(axis=-1) / below.mean(axis=-1)
        factor = Factor("words", left_out(above, axis=-1) / left_out(below, axis=-1))
        return smallest(values, factor, what="ratio", within=(0, math.inf))

    return draw


def lowest_pair(rng: np.random.Generator, noise: Noise, units: int) -> Estimate:
    """Of the sums of two words' means: a word's prompts move all its pairs."""
    prompts, words = noise(rng, 6, units), 6
    one, other = np.triu_indices(words, 1)
    means, without = prompts.mean(axis=1), left_out(prompts, axis=-1)
    moved = np.repeat((means[one] + means[other])[:, None], words * units, axis=1).reshape(-1, words, units)
    for pair, ends in enumerate(zip(one, other, strict=True)):
        for word in ends:
            moved[pair, word] += without[word] - means[word]
    factor = Factor("prompts", moved.reshape(len(one), -1), np.repeat(np.arange(words), units))
    return smallest(means[one] + means[other], factor, what="sum")


def a_position(k: int) -> Callable[[np.random.Generator, Noise, int], Estimate]:
    """Of a parabola's maximum at 3/8, on units that wander along it smoothly and at each position alone."""

    def draw(rng: np.random.Generator, noise: Noise, units: int) -> Estimate:
        at = np.sort(np.append(np.linspace(0, 1, k - 1), 0.375)) if k % 8 != 1 else np.linspace(0, 1, k)
        curves = 4 * at * (0.75 - at) + 0.3 * noise(rng, units)[:, None] * at + 0.2 * noise(rng, units, k)
        return position(curves.mean(axis=0), at, Factor("words", left_out(curves).T), what="peak")

    return draw


def a_median(rng: np.random.Generator, noise: Noise, units: int) -> Estimate:
    return median(noise(rng, units) - MEDIAN.get(noise, 0.0))


def no_groups(rng: np.random.Generator, noise: Noise, units: int) -> Estimate:
    return epsilon_squared(noise(rng, units), np.repeat(np.arange(GROUPS[units]), units // GROUPS[units]))[0]


def some_groups(rng: np.random.Generator, noise: Noise, units: int) -> Estimate:
    own = np.repeat(np.arange(12), units // 12)
    return epsilon_squared(noise(rng, units) + LEVELS[own], own)[0]


def a_contrast(copies: int, gap: float) -> Callable[[np.random.Generator, Noise, int], Estimate]:
    """Of a model drawn as its copies are, and moved by so many of their standard deviations; units shared by all."""

    def draw(rng: np.random.Generator, noise: Noise, units: int) -> Estimate:
        levels = noise(rng, copies + 1) + np.append(np.zeros(copies), gap)
        measured = levels[:, None] + noise(rng, units) + 0.5 * noise(rng, copies + 1, units)
        *others, model = (Evidence(mean(own)) for own in measured)
        return contrast_of(above(0), model, others)

    return draw


def left_out(values: np.ndarray, axis: int = 0) -> np.ndarray:
    """Means without each in turn."""
    n = values.shape[axis]
    return (values.sum(axis=axis, keepdims=True) - values) / (n - 1)


def within_strata(values: np.ndarray, strata: np.ndarray) -> np.ndarray:
    """Means of the means of strata, without each unit in turn."""
    counts = np.bincount(strata)
    means = np.bincount(strata, values) / counts
    moved = (means[strata] - values) / (counts[strata] - 1)
    return means.mean() + moved / len(counts)


def rows_correlated(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    a, b = (own - own.mean(axis=-1, keepdims=True) for own in (first, second))
    return (a * b).sum(axis=-1) / np.sqrt((a * a).sum(axis=-1) * (b * b).sum(axis=-1))


def share_between(levels: np.ndarray) -> float:
    """Of normal units at these levels: the share of the variance of their normal scores that lies between groups."""
    at, weight = np.polynomial.hermite_e.hermegauss(40)
    pooled = scipy.special.ndtr(levels[:, None, None] + at[:, None] - levels).mean(axis=-1)
    scores = scipy.special.ndtri(np.clip(pooled, 1e-16, 1 - 1e-16))
    inside = (scores * weight).sum(axis=-1) / weight.sum()
    return float((inside**2).mean())


DEPTH = np.linspace(0, 1, 12)
SHAPES = (DEPTH, DEPTH + 0.5 * np.sin(2 * np.pi * DEPTH))
CURVES = float(rows_correlated(*SHAPES))
MEDIAN = {
    log_normal: (1 - math.exp(LOG_SPREAD**2 / 2)) / math.sqrt(math.exp(LOG_SPREAD**2) * math.expm1(LOG_SPREAD**2))
}
GROUPS = {6: 3, 12: 4, 48: 12, 270: 30}
"""So many groups, for a number of units."""
LEVELS = 0.7 * scipy.special.ndtri((np.arange(12) + 0.5) / 12)
BETWEEN = share_between(LEVELS)
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
    World(
        "any smooth statistic",
        "correlation of mean curves, words left out",
        mean_curves,
        CURVES,
        0.3,
        "r 0.3 off",
        True,
        units=FEW,
    ),
    World(
        "any smooth statistic",
        "ratio of means, words left out",
        a_ratio_of_means,
        2.0,
        1.0,
        "ratio 2 against 1",
        True,
        units=FEW,
    ),
    World(
        "any smooth statistic",
        "ratio of means, prompts left out of strata of 3",
        in_strata,
        2.0,
        1.0,
        "ratio 2 against 1",
        True,
        units=(12, 27, 78),
    ),
    World(
        "any smooth statistic",
        "perplexity, documents and 4 seeds left out",
        documents_and_seeds,
        1.0,
        0.5,
        "perplexity 1 against 0.5",
        True,
        units=FEW,
    ),
    World(
        "any smooth statistic",
        "lowest ratio of 26, words left out",
        the_lowest(26),
        1.0,
        0.5,
        "ratio 1 against 0.5",
        True,
        units=FEW,
    ),
    World(
        "any smooth statistic",
        "lowest of 15 pairs of 6 words, prompts left out of each",
        lowest_pair,
        0.0,
        2.0,
        "two standard deviations of a prompt",
        True,
        units=FEW,
    ),
    World(
        "any smooth statistic",
        "position of the largest of 9",
        a_position(9),
        0.375,
        0.25,
        "a quarter of the range",
        True,
        units=FEW,
    ),
    World(
        "any smooth statistic",
        "position of the largest of 13",
        a_position(13),
        0.375,
        0.25,
        "a quarter of the range",
        True,
        ("normal", "t₃"),
        (9,),
    ),
    World("median", "median", a_median, 0.0, 1.0, ONE_DEVIATION, True, units=UNITS[1:]),
    World(
        "ε²",
        "ε² of groups that do not differ",
        no_groups,
        0.0,
        0.0,
        "0 itself, so falsely",
        True,
        units=tuple(GROUPS),
    ),
    World(
        "ε²", f"ε² {BETWEEN:.2f} of 12 groups", some_groups, BETWEEN, BETWEEN, "ε² against 0", True, COIN, (24, 48, 108)
    ),
    *(
        World("mean", f"contrast with {told}", a_contrast(copies, gap), gap, 4.0, "four deviations", True, units=units)
        for copies, gap, told, units in (
            (5, 0.0, "5 copies, of which the model might be one", FEW),
            (5, 4.0, "5 copies, four of their deviations above", FEW),
            (19, 0.0, "19 copies, of which the model might be one", (9,)),
        )
    ),
)
