"""What the trainings of CVFP models spend at each budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """What trainings read.

    documents, validation_documents: for training and for judging, of document_tokens each or fewer where the corpus is
    short; control_sizes: how many of these sizes the controls are trained at, smallest first; seeds: of every training that
    is no control.
    """

    documents: tuple[int, ...] = (50, 100, 200, 500)
    validation_documents: int = 50
    document_tokens: int = 40
    control_sizes: int = 4
    seeds: int = 1


SIZES: Mapping[str, Sizes] = {
    "quick": Sizes(control_sizes=3),
    "standard": Sizes(control_sizes=3, seeds=3),
    "full": Sizes(document_tokens=1200, seeds=3),
}
"""By the budget's name; others spend as `Sizes()` says."""
