"""Controls made by chance from the data: labels that no longer belong to their units."""

from __future__ import annotations

from typing import Any

import numpy as np

from semphase.errors import SemphaseError
from semphase.stats.units import Labels

_OWN = 0x73687566  # a stream of its own: labels permuted with the same seed would else come back as they were


def shuffled(labels: Labels, *, seed: int = 0, clusters: Labels | None = None) -> np.ndarray:
    """The labels [unit] in random order; with `clusters` [unit], in random order within each cluster.

    For several copies take several seeds. SemphaseError where no order would change anything.
    """
    given = np.asarray(labels)
    if given.ndim != 1:
        raise SemphaseError(f"shuffled takes one label for each unit and got an array of shape {given.shape}.")
    inside = np.zeros(given.size, dtype=int) if clusters is None else _numbered(clusters, given.size)
    groups = [np.flatnonzero(inside == cluster) for cluster in range(inside.max(initial=-1) + 1)]
    if all((given[own] == given[own[0]]).all() for own in groups):
        where = "are all the same" if clusters is None else "are the same within each cluster"
        raise SemphaseError(f"shuffled cannot make a control: the labels {where}, so that no order changes anything.")
    rng, made = np.random.default_rng([seed, _OWN]), given.copy()
    for own in groups:
        made[own] = given[rng.permutation(own)]
    return made


def _numbered(clusters: Any, size: int) -> np.ndarray:
    labels = np.asarray(clusters)
    if labels.shape != (size,):
        raise SemphaseError(
            f"shuffled needs one cluster for each of {size} labels, got an array of shape {labels.shape}."
        )
    return np.asarray(np.unique(labels, return_inverse=True)[1])
