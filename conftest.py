"""Short names for the options, and guards: the global random state stays as it was, and no hub is asked for anything."""

from __future__ import annotations

import os
import random
from collections.abc import Generator
from typing import Any

import numpy as np
import pytest

pytest_plugins = ["semphase.plugin.short"]

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_pyfunc_call() -> Generator[None, Any, Any]:
    """Every random choice takes a seeded generator of its own; a test that touches the global state fails here.

    Only the test's own code is looked at, the innermost of all that is called, so that a plugin may reseed before and
    after it, also around this very call.
    """
    python, legacy = random.getstate(), _numpy_state()
    result = yield
    assert random.getstate() == python, "the test changed Python's global random state"
    assert _numpy_state() == legacy, "the test changed NumPy's global random state"
    return result


def _numpy_state() -> bytes:
    state: Any = np.random.get_state()  # noqa: NPY002
    return bytes(state[1].tobytes())
