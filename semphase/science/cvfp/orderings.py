"""Margins between several numbers, their falls, and how they go with others; leading axes are kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy
from jaxtyping import Float

from semphase.errors import SemphaseError


def leads_of(values: Float[np.ndarray, "*any item"], own: int) -> Float[np.ndarray, "*any rival"]:
    """Every other one less one's own: all above 0 where it is the smallest."""
    if values.shape[-1] < 2:
        raise SemphaseError("a margin needs a rival; compare at least two numbers.")
    return np.delete(values, own, axis=-1) - values[..., own : own + 1]


def falls(values: Float[np.ndarray, "*any item"]) -> Float[np.ndarray, "*any step"]:
    """By how much they fall from one item to the next."""
    return -np.diff(values, axis=-1)


def differences(values: Float[np.ndarray, "*any item"]) -> Float[np.ndarray, "*any pair"]:
    """Of every item and every other one, both ways: the largest is the range."""
    places = [(i, j) for i in range(values.shape[-1]) for j in range(values.shape[-1]) if i != j]
    first, second = (list(own) for own in zip(*places, strict=True))
    return values[..., first] - values[..., second]


def correlation(x: Float[np.ndarray, "*any item"], y: Float[np.ndarray, "*other item"]) -> Float[np.ndarray, "*any"]:
    """Pearson's correlation along the last axis; NaN where either does not vary."""
    x, y = (_unit(np.asarray(own, dtype=float)) for own in (x, y))
    return np.clip((x * y).sum(axis=-1), -1.0, 1.0)


def rank_correlation(
    x: Float[np.ndarray, "*any item"], y: Float[np.ndarray, "*other item"]
) -> Float[np.ndarray, "*any"]:
    """Spearman's correlation along the last axis."""
    return correlation(scipy.stats.rankdata(x, axis=-1), scipy.stats.rankdata(y, axis=-1))


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
