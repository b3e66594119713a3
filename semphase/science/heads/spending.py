"""What the search for heads spends at each budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Search:
    """How thoroughly heads are searched.

    stages: how often a greedy order is ranked anew before the registered count is reached.
    """

    stages: int = 2


SEARCHES: Mapping[str, Search] = {
    "quick": Search(stages=2),
    "standard": Search(stages=3),
    "full": Search(stages=9),
}
"""By the budget's name; others spend as `Search()` says."""
