from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from random_models import random_model

from semphase.models import Model


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for random models, one per session."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def loaded(home: Path) -> Callable[..., Model]:
    """`loaded(family, **options)` is a random model of a family."""
    return lambda family, **options: random_model(family, home, **options)
