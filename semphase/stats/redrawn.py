"""A statistic of samples on bootstrap draws of their units and without each of them, in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from semphase.errors import SemphaseError, Undefined
from semphase.stats.interval import DRAWS
from semphase.stats.units import Units

_BATCH = 2**22
Statistic = Callable[..., Any]
Arrays = tuple[Float[np.ndarray, "*any unit"], ...]
Index = Int[np.ndarray, "draw taken"]


def draws_and_left(
    statistic: Statistic, arrays: Arrays, units: Units, seed: int
) -> tuple[float, Float[np.ndarray, " draw"], Float[np.ndarray, " cluster"]]:
    """The statistic of the samples, of draws of their units, and without each unit (or cluster)."""
    value = float(_on(statistic, arrays, np.arange(units.size)[None])[0])
    if not np.isfinite(value):
        raise Undefined(f"the statistic given to estimate is {value} on these samples.")
    drawn = np.random.default_rng(seed).integers(0, units.n, size=(DRAWS, units.n))
    others = np.array([np.delete(np.arange(units.n), own) for own in range(units.n)])
    values, left = (np.concatenate(list(_over(statistic, arrays, units, index))) for index in (drawn, others))
    return value, values, left


def _over(statistic: Statistic, arrays: Arrays, units: Units, chosen: Int[np.ndarray, "draw cluster"]) -> Iterator[Any]:
    if len({len(own) for own in units.members}) > 1:
        for row in chosen:
            yield _on(statistic, arrays, np.concatenate([units.members[own] for own in row])[None])
        return
    members = np.array(units.members)
    size = max(1, _BATCH // sum(array.size for array in arrays))
    for start in range(0, len(chosen), size):
        batch = chosen[start : start + size]
        yield _on(statistic, arrays, members[batch].reshape(len(batch), -1))


def _on(statistic: Statistic, arrays: Arrays, index: Index) -> Float[np.ndarray, " draw"]:
    taken = (np.moveaxis(array[..., index], -2, 0) for array in arrays)
    values = np.asarray(statistic(*taken), dtype=float)
    if values.shape != (len(index),):
        raise SemphaseError(
            f"the statistic given to estimate must keep the draws in front and return [draw] = ({len(index)},), and"
            f" gave {values.shape}; let it work along the last axes."
        )
    return values
