"""Guards for every test here: the global random state stays as it was, and no hub is asked for anything."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")


@pytest.fixture(autouse=True)
def _global_random_state_is_guarded() -> Iterator[None]:
    """Every random choice takes a seeded generator of its own; whoever touches the global state fails here."""
    python, legacy = random.getstate(), _numpy_state()
    yield
    assert random.getstate() == python, "the test changed Python's global random state"
    assert _numpy_state() == legacy, "the test changed NumPy's global random state"


def _numpy_state() -> bytes:
    state: Any = np.random.get_state()  # noqa: NPY002
    return bytes(state[1].tobytes())
