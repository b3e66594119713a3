"""Units that each vote for one of several things: by how much the first leads its closest rival."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Int

from semphase.errors import SemphaseError
from semphase.stats.estimate import Estimate
from semphase.stats.least import lacking
from semphase.stats.level import TAIL
from semphase.stats.paired import share_increase
from semphase.stats.sampling import Sampling

METHOD = "score interval of a paired difference of shares (Tango 1998) for each rival"


def lead_of_first(won: Sequence[int] | Int[np.ndarray, " unit"], rivals: int, *, over: str = "words") -> Estimate:
    """The share of units won by thing 0 less that of its best rival, 1 … `rivals`; SemphaseError without units.

    A difference of two shares for each rival, with bounds of its own: lower ends at 97.5 %, upper ones shared by all
    rivals (Bonferroni).
    """
    given: Any = np.asarray(won)
    if given.ndim != 1 or not given.size or rivals < 1:
        raise SemphaseError(f"a lead needs one winner for each unit and a rival, got {given.shape} and {rivals} rivals")
    first = (given == 0).astype(float)
    others = [(given == rival).astype(float) for rival in range(1, rivals + 1)]

    def bounds(tail: float) -> tuple[float, float]:
        found = [share_increase(other, first, (tail, tail / rivals))[1:] for other in others]
        low, high = (min(column) for column in zip(*found, strict=True))
        return low, high

    leads = [float(np.mean(first - other)) for other in others]
    value, (low, high) = min(leads), bounds(TAIL)
    closest = others[int(np.argmin(leads))]
    return Estimate(
        value, min(low, value), max(high, value), f"lead over the best of {rivals} rivals, {METHOD}", given.size,
        population=(over,), units=(given.size,), lacks=lacking("share", given.size, float(given.size), over),
        sampling=Sampling.of_bounds(bounds, (first - closest - value,)),
    )  # fmt: skip
