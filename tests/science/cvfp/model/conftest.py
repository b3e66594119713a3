from __future__ import annotations

import numpy as np
import pytest
import torch

from semphase.science.cvfp.model import Vocabulary, normalised


@pytest.fixture(scope="session")
def vocabulary() -> Vocabulary:
    """Forty random rows, 16 wide."""
    rows = torch.randn(40, 16, generator=torch.Generator().manual_seed(3))
    return normalised(rows, np.arange(40))


@pytest.fixture(scope="session")
def documents() -> np.ndarray:
    """Twelve documents of twenty tokens without any order, as rows of the vocabulary."""
    return np.random.default_rng(4).integers(40, size=(12, 20))
