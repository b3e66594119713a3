"""float32 means float32: reduced-precision products are off, and a probe measures what the device keeps."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from semphase.errors import SemphaseError

DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "float64": torch.float64,
}
FLOAT32_BITS = 23
_SIZE = 256  # large enough for the device's fast kernels
_LEVELS = 53  # a float64 has 52 mantissa bits


def dtype_of(name: str) -> torch.dtype:
    """The torch dtype of a name; SemphaseError for any other."""
    if name not in DTYPES:
        raise SemphaseError(f"there is no dtype {name!r}: choose one of {', '.join(DTYPES)}")
    return DTYPES[name]


def use_full_precision() -> None:
    """Make this process compute float32 matrix products in float32: TF32 and bfloat16 shortcuts off."""
    torch.set_float32_matmul_precision("highest")
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


def mantissa_bits(
    device: torch.device, dtype: torch.dtype, multiply: Callable[[Tensor, Tensor], Tensor] = torch.matmul
) -> int:
    """How many mantissa bits the device's matrix products keep: 52, 23, 10 (TF32, float16) or 7 (bfloat16).

    Row k of the known matrix needs exactly k bits. Multiplied with a permutation from either side its entries
    come back unchanged exactly as long as the product keeps k bits, since no other term is added.
    """
    known = _known_matrix()
    order = torch.randperm(_SIZE, generator=torch.Generator().manual_seed(1))
    shuffle = torch.eye(_SIZE, dtype=torch.float64)[order]
    given, permutation = (matrix.to(dtype).to(device) for matrix in (known, shuffle))
    right = multiply(given, permutation).cpu().double() == known @ shuffle
    left = multiply(permutation, given.mT).cpu().double() == shuffle @ known.mT
    kept = (right.all(dim=1) & left.all(dim=0)).tolist()
    lost = [row % _LEVELS for row, whole in enumerate(kept) if not whole]
    return min(lost, default=_LEVELS) - 1


def require_precision(device: torch.device, dtype: torch.dtype, wanted: str) -> int:
    """The measured mantissa bits; SemphaseError if float32 or more was asked for and they are short of 23."""
    bits = mantissa_bits(device, dtype)
    if wanted in ("float32", "float64") and bits < FLOAT32_BITS:
        raise SemphaseError(
            f"matrix products on {device} keep {bits} mantissa bits, not the {FLOAT32_BITS} of float32: "
            "unset NVIDIA_TF32_OVERRIDE and the like, use --device cpu, or ask for less with --dtype bfloat16"
        )
    return bits


def _known_matrix() -> Float[Tensor, "row column"]:
    """Entries between 1 and 2 in size; those of row k need exactly k mod 53 mantissa bits."""
    draw = torch.Generator().manual_seed(0)
    bits = torch.arange(_SIZE).remainder(_LEVELS).double()[:, None]
    fraction = torch.rand(_SIZE, _SIZE, generator=draw, dtype=torch.float64)
    odd = 2 * torch.floor(fraction * 2 ** (bits - 1)) + 1
    sign = torch.randint(0, 2, (_SIZE, _SIZE), generator=draw) * 2 - 1
    return sign * torch.where(bits > 0, 1 + odd / 2**bits, 1.0)
