"""A statistic without each of its units in turn, and the deviations that this gives them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from semphase.errors import SemphaseError, Undefined
from semphase.stats.scale import Scale
from semphase.stats.units import Units

_BATCH = 2**22
Statistic = Callable[..., Any]
Arrays = tuple[Float[np.ndarray, "*any unit"], ...]
Index = Int[np.ndarray, "draw taken"]


def pseudovalues(
    statistic: Statistic, arrays: Arrays, units: Units, scale: Scale
) -> tuple[float, Float[np.ndarray, " cluster"]]:
    """The statistic of the samples, and the pseudo-value of each unit (or cluster) on the working scale.

    n θ − (n − 1) θ₍ᵢ₎ (Tukey 1958), θ₍ᵢ₎ the statistic without unit i. Raises Undefined where a statistic is not a
    number inside its range.
    """
    value = float(_on(statistic, arrays, np.arange(units.size)[None])[0])
    others = np.array([np.delete(np.arange(units.n), own) for own in range(units.n)])
    left = np.concatenate(list(_over(statistic, arrays, units, others)))
    whole, without = scale.to(value), scale.to(left)
    if not np.isfinite(whole):
        raise Undefined(f"the statistic is {value} on these samples, which is no number inside its range.")
    if not np.isfinite(without).all():
        odd = left[~np.isfinite(without)][0]
        raise Undefined(f"the statistic is {odd} without one of {units}, which is no number inside its range.")
    return value, np.asarray(units.n * whole - (units.n - 1) * without)


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
