"""What the trainings of CVFP models spend at each budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """What trainings read.

    documents, validation_documents: for training and for judging, of document_tokens each or fewer where the corpus is
    short; seeds: of every training; convergence_seeds: of contexts whose convergence is timed, since a median of fewer
    than seven refutes neither of two parts.
    """

    documents: tuple[int, ...] = (50, 100, 200, 500)
    validation_documents: int = 50
    document_tokens: int = 40
    seeds: int = 4
    convergence_seeds: int = 7


SIZES: Mapping[str, Sizes] = {
    "quick": Sizes(documents=(12, 24, 48)),
    "standard": Sizes(),
    "full": Sizes(document_tokens=1200),
}
"""By the budget's name; others spend as `Sizes()` says."""
