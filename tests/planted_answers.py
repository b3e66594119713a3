"""Answers that nobody gave: so many of the items right, at a price."""

from __future__ import annotations

import numpy as np

from semphase.science.recovery.answering import Answered


def answered(share: float, items: int = 96, flops: float = 1e6, first: int = 0) -> Answered:
    """The items from `first` on are right, as many as the share says, so that of two the one with less is within it."""
    right = np.zeros(items, dtype=bool)
    right[first : first + round(share * items)] = True
    return of(right, flops)


def of(right: np.ndarray, flops: float = 1e6) -> Answered:
    """Answers of which these are right."""
    own = np.asarray(right, dtype=bool)
    return Answered(own, np.where(own, -0.1, -2.0), np.full(len(own), float(flops)), np.zeros(len(own)))
