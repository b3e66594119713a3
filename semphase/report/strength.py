"""Error over a run: which verdicts stay when all claims of the registry are counted.

The family are all sampled claims that may apply to a model, whatever was selected; the undecided and those that were not
judged count with p = 1. Holm's procedure (1979) at 2.5 %, once for supports and once for refutations: a verdict that it
keeps is firm, any other is nominal, it holds only by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np

Strength = Literal["firm", "nominal"]
LEVEL = 0.025


def strengths(verdicts: Sequence[str | None], p_values: Sequence[float | None], family: int) -> list[Strength | None]:
    """The strength of each verdict on one model, of a family of so many claims; None for what decides nothing.

    A verdict without a p rests on all there is, or on rounding, and is firm.
    """
    found: list[Strength | None] = [None] * len(verdicts)
    for direction in ("supported", "refuted"):
        decided = [at for at, verdict in enumerate(verdicts) if verdict == direction]
        tested = [at for at in decided if p_values[at] is not None]
        kept = _holm([p for at in tested if (p := p_values[at]) is not None], family)
        found = [
            ("firm" if at not in tested or at in [tested[i] for i in kept] else "nominal") if at in decided else own
            for at, own in enumerate(found)
        ]
    return found


def _holm(p_values: Iterable[float], family: int) -> list[int]:
    """Places of the hypotheses that are rejected; the family is at least as large as what was tested."""
    given = np.asarray(list(p_values), dtype=float)
    order, size = np.argsort(given, kind="stable"), max(family, given.size)
    kept = []
    for rank, at in enumerate(order):
        if given[at] * (size - rank) > LEVEL:
            break
        kept.append(int(at))
    return kept
