"""What the search for heads spends at each budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from semphase.measure.screening.ways import Way


@dataclass(frozen=True, slots=True)
class Search:
    """How thoroughly heads are searched.

    stages: how often a greedy order is ranked anew before the registered count is reached; ways: how single heads may be
    screened first.
    """

    stages: int = 2
    ways: tuple[Way, ...] = get_args(Way)


SEARCHES: Mapping[str, Search] = {
    "quick": Search(stages=2),
    "standard": Search(stages=3),
    "full": Search(stages=9, ways=("tf32+float16",)),
}
"""By the budget's name; others spend as `Search()` says."""
