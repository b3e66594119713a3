"""Matrix products in TF32, on GPUs that have it.

TF32 keeps 10 bits of a factor's mantissa and sums in float32, at several times the speed of float32 products and without
the casts that half precision needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from semphase.measure.products.reduced_products import RoundedFactors
from semphase.models import Model
from semphase.models.twin import twin

BITS = 10
_FIRST = 8
"""The compute capability from which on CUDA devices have it (Ampere)."""


def has_tf32(device: torch.device) -> bool:
    """Does the device multiply in TF32?"""
    return device.type == "cuda" and torch.cuda.get_device_capability(device)[0] >= _FIRST


@contextmanager
def tf32_products(device: torch.device) -> Iterator[None]:
    """Inside the block products of float32 matrices are made in TF32; emulated on devices that are not CUDA."""
    if device.type != "cuda":
        with RoundedFactors(BITS):
            yield
        return
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def in_tf32(model: Model) -> Model:
    """The model with blocks that multiply in TF32, and nothing else; the parameters are the model's own."""
    rough = twin(model)
    for block in rough.anatomy.blocks:
        block.forward = tf32_products(model.device)(block.forward)
    return rough
