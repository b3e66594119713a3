"""Guards for every test here: the global random state stays as it was, and no hub is asked for anything."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import numpy as np
import pytest

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")


@pytest.fixture(autouse=True)
def _global_random_state_is_guarded() -> Iterator[None]:
    """Every random choice takes a seeded generator of its own; whoever touches the global state fails here."""
    python, legacy = random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002
    yield
    assert random.getstate() == python, "the test changed Python's global random state"
    assert np.array_equal(np.random.get_state()[1], legacy), "the test changed NumPy's global random state"  # noqa: NPY002
