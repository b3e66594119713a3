"""Principal components of what layers write, from streamed moments, with jackknife intervals (002, exp7).

Leaving one of m contiguous groups of positions out at a time gives the interval value ± t(0.975, m − 1) · √((m − 1)/m
· Σ(θ_i − mean)²): neighbouring positions depend on each other, and moments can be subtracted. Position 0 of a chunk is
part of the design (every chunk has one) and is never left out with its group.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
import torch
from jaxtyping import Float, Int

from semphase.errors import SemphaseError, Undefined
from semphase.measure.timing import one_thread
from semphase.stats.estimate import Estimate
from semphase.stats.interval import jackknifed, of_largest

SOURCE_D = 768
"""Stream components of the source's model: thresholds in components are stated for it."""
ROUNDING = 1e-12
WITH_FIRST, WITHOUT_FIRST = 0, 1
RAW, SCALED = 0, 1


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """Sums over some positions: their number, of the writes' norms, of the writes, of their outer products."""

    count: int
    norm: float
    total: Float[np.ndarray, " d"]
    outer: Float[np.ndarray, "d d"]

    def __add__(self, other: Moment) -> Moment:
        return Moment(
            self.count + other.count, self.norm + other.norm, self.total + other.total, self.outer + other.outer
        )

    def __sub__(self, other: Moment) -> Moment:
        return Moment(
            self.count - other.count, self.norm - other.norm, self.total - other.total, self.outer - other.outer
        )

    def scaled(self, factor: float) -> Moment:
        """The same for writes multiplied by a factor."""
        return Moment(self.count, self.norm * factor, self.total * factor, self.outer * factor**2)

    def to_unit_norm(self) -> Moment:
        """The same for writes scaled to a mean norm of one."""
        if not self.mean_norm > 0:
            raise Undefined("a layer writes nothing, so its writes cannot be scaled to unit norm; check the weights.")
        return self.scaled(1 / self.mean_norm)

    @property
    def mean(self) -> Float[np.ndarray, " d"]:
        """The mean write."""
        return self.total / self.count

    @property
    def covariance(self) -> Float[np.ndarray, "d d"]:
        """Mean outer product of the centred writes."""
        return self.outer / self.count - np.outer(self.mean, self.mean)

    @property
    def mean_norm(self) -> float:
        """Mean length of the writes."""
        return self.norm / self.count

    @property
    def std_norm(self) -> float:
        """Standard deviation of the writes' lengths."""
        return math.sqrt(max(0.0, float(np.trace(self.outer)) / self.count - self.mean_norm**2))

    @property
    def spectrum(self) -> Float[np.ndarray, " component"]:
        """Eigenvalues of the covariance, largest first, none below zero."""
        return np.maximum(torch.linalg.eigvalsh(torch.from_numpy(self.covariance)).numpy()[::-1], 0.0)

    @property
    def basis(self) -> Float[np.ndarray, "d component"]:
        """Principal directions in columns, in the order of `spectrum`."""
        return np.linalg.eigh(self.covariance)[1][:, ::-1]


def spectra_of(moments: Sequence[Moment]) -> Float[np.ndarray, "moment component"]:
    """The spectrum of each, as many at a time as there are threads: one matrix keeps hardly more than one of them busy."""
    workers = torch.get_num_threads()
    with one_thread(), ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        return np.stack(list(pool.map(lambda moment: moment.spectrum, moments)))


def left_out(groups: Sequence[Moment], first: Moment) -> Iterator[tuple[int, int, Moment]]:
    """All positions (variant 0), then all but one group's (1, 2, …): each with position 0 and without it."""
    whole = groups[0]
    for group in groups[1:]:
        whole = whole + group
    for variant in range(len(groups) + 1):
        kept = whole if variant == 0 else whole - groups[variant - 1]
        yield variant, WITH_FIRST, kept + first
        yield variant, WITHOUT_FIRST, kept


def components(spectrum: Float[np.ndarray, "*any component"], share: float = 0.9) -> Int[np.ndarray, "*any"]:
    """K(share): the fewest leading components that hold a share of the variance."""
    total = spectrum.sum(axis=-1, keepdims=True)
    if not (np.isfinite(total).all() and (total > 0).all()):
        raise Undefined("writes without variance have no principal components; check the weights.")
    held = np.cumsum(spectrum, axis=-1) / total
    return np.asarray((held < share - ROUNDING).sum(axis=-1) + 1)


def for_source_d(k: Any, d: int) -> Any:
    """A number of components of a stream d wide as the same fraction of the source's 768."""
    return k * SOURCE_D / d


def grid(published: Sequence[int], d: int) -> tuple[int, ...]:
    """The source's numbers of components as the same fractions of d, at least one, each once."""
    return tuple(sorted({max(1, round(k * d / SOURCE_D)) for k in published}))


def random_basis(d: int, rng: np.random.Generator) -> Float[np.ndarray, "d component"]:
    """Orthonormal columns, the first K of which span a uniformly random subspace for every K."""
    return np.linalg.qr(rng.normal(size=(d, d)))[0]


@dataclass(frozen=True, slots=True, eq=False)
class Ranks:
    """K(90 %) in units of the source's 768 components (except `raw`), and mean norms.

    The first axis is with and without position 0; `shared` pools all layers, as they are or scaled to unit norm.
    """

    raw: Int[np.ndarray, "first layer"]
    layers: Float[np.ndarray, "first layer"]
    shared: Float[np.ndarray, "first scaled"]
    norm: Float[np.ndarray, "first layer"]


Statistic = Callable[[Ranks], float]


@dataclass(frozen=True, slots=True, eq=False)
class Spectra:
    """Eigenvalues of the writes' covariances and mean norms; variant 0 is all positions, the others lack a group.

    The axis `first` is with and without position 0; `part` is attention and MLP, of all positions only.
    """

    layers: Float[np.ndarray, "variant first layer component"]
    parts: Float[np.ndarray, "first part layer component"]
    shared: Float[np.ndarray, "variant first scaled component"]
    norm: Float[np.ndarray, "variant first layer"]
    positions: int

    def ranks(self, variant: int = 0) -> Ranks:
        """What claims compare, over all positions or without one group."""
        d = self.layers.shape[-1]
        raw = components(self.layers[variant])
        shared = for_source_d(components(self.shared[variant]), d)
        return Ranks(raw, for_source_d(raw, d), shared, self.norm[variant])

    def estimate(
        self, statistic: Callable[[Ranks], float], within: tuple[float, float] = (-math.inf, math.inf)
    ) -> Estimate:
        """A statistic of the ranks with its jackknife interval."""
        value, *others = (float(statistic(self.ranks(variant))) for variant in range(len(self.layers)))
        return jackknife(value, others, self.positions, within=within)

    @property
    def part_ranks(self) -> Int[np.ndarray, "first part layer"]:
        """K(90 %) of what attention and MLP write."""
        return components(self.parts)


def jackknife(
    value: float,
    others: Sequence[float] | Float[np.ndarray, " group"],
    n: int,
    *,
    within: tuple[float, float] = (-math.inf, math.inf),
    note: str = "",
) -> Estimate:
    """A value with its delete-one-group interval, cut to the range that the quantity can have."""
    left, m = np.asarray(others, dtype=float), len(others)
    if m < 2:
        raise SemphaseError(f"a jackknife interval needs at least two groups, not {m}; allow more with --memory.")
    if not (np.isfinite(value) and np.isfinite(left).all()):
        raise Undefined(f"no jackknife interval: the value is {value:.4g}, without single groups {left}.")
    error = math.sqrt((m - 1) / m * ((left - left.mean()) ** 2).sum())
    method = f"jackknife over {m} contiguous groups of positions, Student's t; position 0 stays{note}"
    return Estimate(value, *jackknifed(value, error, m - 1, within), method, n)


def smallest(
    values: Float[np.ndarray, " item"], draws: Float[np.ndarray, "item draw"], *, n: int, what: str
) -> Estimate:
    """The smallest of several numbers, as `of_largest`."""
    found = of_largest(-values, -draws, n=n, what=what)
    return Estimate(-found.value, -found.high, -found.low, found.method, n)


def rises(curve: Float[np.ndarray, k * draw]) -> Float[np.ndarray, pair * draw]:
    """What a curve gains from each of its points to each later one; more than 0 where it is higher there."""
    earlier, later = np.triu_indices(len(curve), k=1)
    return curve[later] - curve[earlier]


def spearman_with_depth(values: Float[np.ndarray, " layer"]) -> float:
    """Spearman's correlation of one number for each layer with the layer; undefined where all are equal."""
    if np.ptp(values) == 0:
        raise Undefined("one and the same number for every layer has no correlation with depth.")
    return float(scipy.stats.spearmanr(np.arange(len(values)), values).statistic)


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """Log of the perplexity ratio by K, [kind, k], and its draws, [kind, k, draw], all of the same blocks of text."""

    point: Float[np.ndarray, "kind k"]
    draws: Float[np.ndarray, "kind k draw"]
    tokens: int
    what: str

    def smallest_margin(self, chosen: Sequence[bool]) -> Estimate:
        """The first kind minus the second, at the chosen K where that is smallest."""
        kept = np.asarray(chosen)
        point, draws = ((array[0] - array[1])[kept] for array in (self.point, self.draws))
        return smallest(point, draws, n=self.tokens, what=self.what)

    def largest_rise(self) -> Estimate:
        """How far the first kind rises from one K to a larger one, where it does so most."""
        return of_largest(rises(self.point[0]), rises(self.draws[0]), n=self.tokens, what=self.what)
