"""Principal components of what layers write, from streamed moments, whole and without single groups (002, exp7).

Contiguous groups of positions are left out, since neighbouring positions depend on each other and moments can be
subtracted. Position 0 of a chunk is part of the design (every chunk has one) and is never left out with its group.
K(share) moves in steps, by which no group that is left out would show; claims compare where the cumulative variance,
interpolated between components, crosses the share. That is at most one below the integer K, and exceeds an integer
exactly where K does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from semphase.errors import Undefined
from semphase.measure.timing import one_thread
from semphase.stats.estimate import Estimate
from semphase.stats.left_out import Factor, smooth

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
    return np.asarray((_held(spectrum) < share - ROUNDING).sum(axis=-1) + 1)


def crossing(spectrum: Float[np.ndarray, "*any component"], share: float = 0.9) -> Float[np.ndarray, "*any"]:
    """The number of leading components, whole or not, with exactly this share of the variance."""
    held = _held(spectrum)
    after = components(spectrum, share)[..., None]
    above = np.take_along_axis(held, after - 1, axis=-1)
    below = np.where(after > 1, np.take_along_axis(held, np.maximum(after - 2, 0), axis=-1), 0.0)
    return np.asarray((after - (above - share).clip(0) / (above - below))[..., 0])


def _held(spectrum: Float[np.ndarray, "*any component"]) -> Float[np.ndarray, "*any component"]:
    """The share of the variance in the first components."""
    total = spectrum.sum(axis=-1, keepdims=True)
    if not (np.isfinite(total).all() and (total > 0).all()):
        raise Undefined("writes without variance have no principal components; check the weights.")
    return np.asarray(np.cumsum(spectrum, axis=-1) / total)


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
    """Interpolated K(90 %) in units of the source's 768 components, and mean norms.

    The first axis is with and without position 0; `shared` pools all layers, as they are or scaled to unit norm.
    """

    layers: Float[np.ndarray, "first layer"]
    shared: Float[np.ndarray, "first scaled"]
    norm: Float[np.ndarray, "first layer"]


Statistic = Callable[[Ranks], Any]


@dataclass(frozen=True, slots=True, eq=False)
class Spectra:
    """Eigenvalues of the writes' covariances and mean norms; variant 0 is all positions, the others lack a group.

    The axis `first` is with and without position 0; `part` is attention and MLP, of all positions only.
    """

    layers: Float[np.ndarray, "variant first layer component"]
    parts: Float[np.ndarray, "first part layer component"]
    shared: Float[np.ndarray, "variant first scaled component"]
    norm: Float[np.ndarray, "variant first layer"]

    def ranks(self, variant: int = 0) -> Ranks:
        """What claims compare, over all positions or without one group."""
        d = self.layers.shape[-1]
        layers, shared = (for_source_d(crossing(own[variant]), d) for own in (self.layers, self.shared))
        return Ranks(layers, shared, self.norm[variant])

    @property
    def counts(self) -> Int[np.ndarray, "first layer"]:
        """K(90 %) in whole components of this model."""
        return components(self.layers[0])

    @property
    def part_ranks(self) -> Float[np.ndarray, "first part layer"]:
        """Interpolated K(90 %) of what attention and MLP write, in components of this model."""
        return crossing(self.parts)

    def each(self, statistic: Statistic) -> tuple[Float[np.ndarray, "*row"], Factor]:
        """A statistic of the ranks, [*row], and the same without each group of the text."""
        made = np.array([statistic(self.ranks(variant)) for variant in range(len(self.layers))], dtype=float)
        return np.asarray(made[0]), Factor("text", np.moveaxis(made[1:], 0, -1))

    def estimate(self, statistic: Statistic, what: str, within: tuple[float, float], unit: str = "") -> Estimate:
        """A statistic that moves smoothly with the text."""
        value, groups = self.each(statistic)
        return smooth(float(value), groups, what=what, unit=unit, within=within)


def rises(curve: Float[np.ndarray, "k ..."]) -> Float[np.ndarray, "pair ..."]:
    """What a curve gains from each of its points to each later one; more than 0 where it is higher there."""
    earlier, later = np.triu_indices(len(curve), k=1)
    return np.asarray(curve[later] - curve[earlier])
