"""Which models hold the same weights, whatever their names and files."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import torch

from semphase.models.model import Model


def twins(models: Sequence[Model]) -> tuple[str, str] | None:
    """The names of the first two models that hold the same weights; None where all differ.

    Files may differ and weights not: of a copy in other shards, in a wider type, or as GGUF.
    """
    found = (pair for pair in combinations(models, 2) if _alike(*pair))
    return next(((one.name, other.name) for one, other in found), None)


def _alike(one: Model, other: Model) -> bool:
    if one.sha256 == other.sha256:
        return True
    ours, theirs = one.module.state_dict(), other.module.state_dict()
    # The first weight that differs ends it.
    return ours.keys() == theirs.keys() and all(
        weight.shape == theirs[name].shape and torch.equal(weight, theirs[name].to(weight.device))
        for name, weight in ours.items()
    )
