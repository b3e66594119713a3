"""Intervals by SciPy's bootstrap over indices, and the two closed forms used beside it.

A statistic is a function of index arrays, one for each stratum, and takes all draws at once; strata are resampled
independently. So it may look up anything (words, prompts, layers) by index, and nothing is copied into SciPy.
The percentile interval is narrow for few units: for a normal mean its 95 % cover 80 % at 4 units, 90 % at 9,
93 % at 20.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy
from jaxtyping import Float

from semphase.errors import SemphaseError
from semphase.stats.estimate import Estimate
from semphase.stats.interval import of_resamples, wilson


def batch_interval(
    statistic: Callable[..., Float[np.ndarray, " draw"]],
    strata: Sequence[int],
    *,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    value: float | None = None,
    unit: str = "",
    n: int | None = None,
    name: str = "the estimate",
    over: str = "units",
) -> Estimate:
    """Bootstrap interval of `statistic(*indices)`, an integer array [draw, size] for each stratum, returning [draw].

    `strata` are the sizes; `value` defaults to the statistic of the data as they are and `n` to the sum of
    the sizes; `over` says what is resampled and `name` what is estimated, for the texts. Up to 5 % of replicates
    that are not finite are left out, and the method says so; more raise SemphaseError.
    """
    if not strata or min(strata) < 2:
        raise SemphaseError(
            f"the interval of {name} could not be made: every stratum needs at least two {over}, "
            f"the sizes are {list(strata)}"
        )
    if value is None:
        value = float(statistic(*(np.arange(size)[None] for size in strata))[0])
    if not np.isfinite(value):
        raise SemphaseError(f"the interval of {name} could not be made: its value is {value}")
    replicates, units = _replicates(statistic, strata, resamples, seed), sum(strata) if n is None else n
    return of_resamples(value, replicates, n=units, name=name, over=over, unit=unit, level=level)


def mean_estimate(
    values: Float[np.ndarray, " unit"],
    *,
    resamples: int = 1000,
    seed: int = 0,
    unit: str = "",
    name: str = "the mean",
    over: str = "units",
) -> Estimate:
    """The mean of independent values with its percentile bootstrap interval."""
    values = np.asarray(values, dtype=float)
    return batch_interval(
        lambda index: values[index].mean(axis=-1),
        (values.size,),
        resamples=resamples,
        seed=seed,
        unit=unit,
        name=name,
        over=over,
    )


def proportion(successes: int, n: int, *, level: float = 0.95, unit: str = "") -> Estimate:
    """A proportion of independent trials with Wilson's interval (Wilson 1927)."""
    if not 0 <= successes <= n or n == 0:
        raise SemphaseError(f"{successes} of {n} trials make no proportion; count at least one trial")
    return Estimate(successes / n, *wilson(successes, n, level), "Wilson interval", n, unit, level)


def _replicates(
    statistic: Callable[..., Float[np.ndarray, " draw"]], strata: Sequence[int], resamples: int, seed: int
) -> Float[np.ndarray, " draw"]:
    found = []

    def indexed(*samples: Any, **_axis: int) -> Float[np.ndarray, " draw"]:
        indices = (np.asarray(sample).astype(np.intp) for sample in samples)
        found.append(np.asarray(statistic(*indices), dtype=float))
        # SciPy's own summary of the replicates goes unused and would warn of numbers that are not finite.
        return np.nan_to_num(found[-1], nan=0.0, posinf=0.0, neginf=0.0)

    scipy.stats.bootstrap(
        tuple(np.arange(size) for size in strata),
        indexed,
        n_resamples=resamples,
        vectorized=True,
        axis=-1,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    return np.concatenate(found)
