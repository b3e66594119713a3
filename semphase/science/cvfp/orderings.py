"""Which of several numbers is the smallest, whether they rise, and how they go with others; leading axes are draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy
from jaxtyping import Float

from semphase.errors import SemphaseError


def lead_of_smallest(values: Float[np.ndarray, "*any item"], own: int) -> Float[np.ndarray, "*any"]:
    """The smallest of the others less one's own: above 0 where it is the smallest, by the margin to its best rival."""
    if values.shape[-1] < 2:
        raise SemphaseError("a margin needs a rival; compare at least two numbers.")
    return np.delete(values, own, axis=-1).min(axis=-1) - values[..., own]


def smallest_fall(values: Float[np.ndarray, "*any row item"]) -> Float[np.ndarray, "*any"]:
    """The least that any row falls from one item to the next: above 0 where all rows fall all the way."""
    return -np.diff(values, axis=-1).max(axis=(-2, -1))


def rank_correlation(values: Float[np.ndarray, "*any item"], other: Sequence[float]) -> Float[np.ndarray, "*any"]:
    """Spearman's correlation with one fixed order, ties at their mean rank; NaN where all values are equal."""
    return correlation(scipy.stats.rankdata(values, axis=-1), scipy.stats.rankdata(other))


def correlation(x: Float[np.ndarray, "*any item"], y: Float[np.ndarray, "*other item"]) -> Float[np.ndarray, "*any"]:
    """Pearson's correlation along the last axis; NaN where either does not vary."""
    x, y = (_unit(np.asarray(own, dtype=float)) for own in (x, y))
    return np.clip((x * y).sum(axis=-1), -1.0, 1.0)


def within_rows(values: Float[np.ndarray, "*any row item"]) -> Float[np.ndarray, "*any cell"]:
    """Deviations from the mean of each row, rows one after the other."""
    centred = values - values.mean(axis=-1, keepdims=True)
    return centred.reshape(*centred.shape[:-2], -1)


def _unit(values: np.ndarray) -> Any:
    centred = values - values.mean(axis=-1, keepdims=True)
    # Rounding leaves a constant a little above 0.
    length = np.linalg.norm(centred, axis=-1, keepdims=True)
    varies = length > 1e-12 * np.maximum(np.abs(values).max(axis=-1, keepdims=True), np.finfo(float).tiny)
    return np.where(varies, centred / np.where(varies, length, 1.0), np.nan)
