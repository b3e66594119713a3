"""What an estimate resamples: single units (prompts, words, blocks of text, …), or whole clusters of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Float, Int

from semphase.errors import SemphaseError

Over = Literal["prompts", "words", "text", "blocks", "documents", "seeds", "samples", "heads", "layers"]
Numbers = Sequence[float] | np.ndarray
"""Plain numbers, a NumPy array, or an xarray.DataArray."""
Labels = Sequence[Any] | np.ndarray
_REAL = "biufO"
"""Kinds of numbers that NumPy has: booleans, integers, floats, and objects that may be either."""
MOST = 1e150
"""Of larger values no variance is a number."""


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """`size` units of the kind `over`, and which of them each thing that is resampled holds."""

    over: str
    size: int
    members: tuple[Int[np.ndarray, " _"], ...]

    @property
    def n(self) -> int:
        """How many things are resampled."""
        return len(self.members)

    @property
    def clustered(self) -> bool:
        """Are some resampled together?"""
        return self.n < self.size

    @property
    def counts(self) -> Float[np.ndarray, " cluster"]:
        """Units in each."""
        return np.array([len(own) for own in self.members], dtype=float)

    def sums(self, values: Float[np.ndarray, "*any unit"]) -> Float[np.ndarray, "*any cluster"]:
        """The sum of values over each."""
        return np.stack([values[..., own].sum(axis=-1) for own in self.members], axis=-1) if self.clustered else values

    @property
    def effective(self) -> float:
        """How many clusters of one size would weigh as evenly as these (Kish 1965): (Σ m)² / Σ m²."""
        return effective(self.counts)

    @property
    def population(self) -> tuple[str, ...]:
        """What the units are drawn from; blocks are drawn from a text."""
        return ("text" if self.over == "blocks" else self.over,)

    @property
    def things(self) -> str:
        """What is resampled."""
        return f"clusters of {self.over}" if self.clustered else self.over

    def __str__(self) -> str:
        return f"{self.n} clusters of {self.size} {self.over}" if self.clustered else f"{self.size} {self.over}"


def effective(weights: Float[np.ndarray, " unit"]) -> float:
    """How many units of one weight would weigh as evenly as these."""
    return float(weights.sum() ** 2 / (weights**2).sum())


def units(size: int, over: str, clusters: Labels | None, what: str) -> Units:
    """The units of an estimate; `clusters` gives each unit a label, and units of one label stay together.

    Raises SemphaseError for a kind that is none, for fewer than two, and for labels that do not fit.
    """
    if over not in get_args(Over):
        raise SemphaseError(f"{what} resamples over one of {', '.join(get_args(Over))}, not {over!r}.")
    members = _members(size, over, clusters, what)
    if len(members) < 2:
        kind = over if clusters is None else f"clusters of {over}"
        raise SemphaseError(f"{what} needs at least two {kind} to resample and got {len(members)}; take more.")
    return Units(over, size, members)


def _members(size: int, over: str, clusters: Labels | None, what: str) -> tuple[Int[np.ndarray, " _"], ...]:
    if clusters is None:
        return tuple(np.arange(size)[:, None])
    labels = np.asarray(clusters)
    if labels.shape != (size,):
        raise SemphaseError(
            f"{what} needs one cluster label for each of the {size} {over} and got labels of shape {labels.shape}."
        )
    try:
        _, own = np.unique(labels, return_inverse=True)
    except TypeError:
        raise SemphaseError(
            f"{what} needs cluster labels of one type, numbers or texts; give every unit one."
        ) from None
    return tuple(np.flatnonzero(own == label) for label in range(own.max(initial=-1) + 1))


def numbers(values: Any, what: str, axes: str = "unit") -> Float[np.ndarray, ...]:
    """Values as an array of finite floats with the named axes; a DataArray's `prompt` becomes the last."""
    array = _array(values, what)
    names = axes.split()
    if array.ndim != len(names):
        raise SemphaseError(f"{what} takes values [{', '.join(names)}] and got an array of shape {array.shape}.")
    return array


def samples(values: Any, what: str) -> Float[np.ndarray, "*any unit"]:
    """Values of any shape whose last axis, or a DataArray's axis `prompt`, holds the units."""
    array = _array(values, what)
    if array.ndim == 0:
        raise SemphaseError(f"{what} takes an array with one value for each unit and got the number {values}.")
    return array


def _array(values: Any, what: str) -> Float[np.ndarray, ...]:
    if isinstance(values, np.ma.MaskedArray):
        raise SemphaseError(f"{what} got a masked array; leave what is masked out of every sample.")
    if "prompt" in getattr(values, "dims", ()):
        values = values.transpose(..., "prompt")
    try:
        given = np.asarray(values)
        array = given.astype(float) if given.dtype.kind in _REAL else np.zeros(1)
    except (TypeError, ValueError, OverflowError):
        raise SemphaseError(f"{what} takes numbers in an array without gaps and got {type(values).__name__}.") from None
    if given.dtype.kind not in _REAL:
        raise SemphaseError(
            f"{what} takes numbers and got values of the type {given.dtype}; make real numbers of them."
        )
    if array.size == 0:
        raise SemphaseError(f"{what} got no values at all.")
    if missing := int((~np.isfinite(array)).sum()):
        raise SemphaseError(
            f"{what} met {missing} of {array.size} values that are not finite; leave those units out of every sample."
        )
    if (largest := float(np.abs(array).max())) > MOST:
        raise SemphaseError(f"{what} met {largest:.3g}, whose square is no number; give the values in another unit.")
    return array


def paired(a: Any, b: Any, what: str) -> tuple[Float[np.ndarray, " unit"], Float[np.ndarray, " unit"]]:
    """Two samples with one value each for the same units, in the same order."""
    first, second = numbers(a, what), numbers(b, what)
    if first.shape != second.shape:
        raise SemphaseError(f"{what} pairs its samples unit by unit and got {first.size} and {second.size} values.")
    return first, second
