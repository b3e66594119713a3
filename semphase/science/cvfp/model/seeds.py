"""Generators for each purpose of a training: nothing here reads or moves PyTorch's global random state."""

from __future__ import annotations

import numpy as np
import torch

PURPOSES = ("context block", "token block", "start", "noise")


def generator(seed: int, purpose: str, step: int = 0, device: torch.device | str = "cpu") -> torch.Generator:
    """A fresh generator for one purpose and step, so that a resumed training draws what an unbroken one draws."""
    words = np.random.SeedSequence([seed, PURPOSES.index(purpose), step]).generate_state(1, np.uint64)
    return torch.Generator(device).manual_seed(int(words[0]))
