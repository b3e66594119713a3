"""Random numbers of a run: one generator for each purpose, so that no measurement depends on which came before it."""

from __future__ import annotations

import hashlib

import numpy as np


def generator(seed: int, purpose: str) -> np.random.Generator:
    """A generator of a seed for one purpose."""
    return np.random.default_rng([seed, int.from_bytes(hashlib.sha256(purpose.encode()).digest()[:8])])
