"""How errors say that there is no more memory, and how we say it."""

from __future__ import annotations

import torch

from semphase.errors import SemphaseError

SIGNS = ("out of memory", "can't allocate memory", "not enough memory", "CUBLAS_STATUS_ALLOC_FAILED")
"""What the errors of CUDA, MPS and CPU say; of the last two it is all that tells them from others."""


class OutOfMemory(SemphaseError):
    """Memory does not suffice for the least that a pass can take."""


class NoRoom(OutOfMemory):
    """Memory does not suffice for a model's weights."""


def lacks_memory(error: BaseException) -> bool:
    """Does an error say that there is no more memory?"""
    if isinstance(error, OutOfMemory | MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in SIGNS)
