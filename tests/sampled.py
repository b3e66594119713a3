"""What a sample for `--verify` has to tell apart."""

from __future__ import annotations

import torch
from random_models import random_model


def require_another_output_shows(sample, tmp_path):
    """The random model whose losses a sample repeats agrees with itself, and not once a layer writes 0.1 % more."""
    other = random_model("gpt2", tmp_path)
    assert sample.difference(other) <= sample.allowed
    with torch.no_grad():
        other.module.transformer.h[2].attn.c_proj.weight *= 1.001
    assert sample.difference(other) > sample.allowed
