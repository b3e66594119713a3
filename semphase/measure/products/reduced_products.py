"""Emulated matrix products of reduced precision: every factor rounded to a short mantissa (001, exp9)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from semphase.errors import SemphaseError
from semphase.models import Model

_ATEN = torch.ops.aten
# Which arguments of each product are its factors.
_PRODUCTS: Mapping[Any, tuple[int, int]] = {
    _ATEN.mm.default: (0, 1),
    _ATEN.bmm.default: (0, 1),
    _ATEN.addmm.default: (1, 2),
    _ATEN.baddbmm.default: (1, 2),
}


@contextmanager
def rounded_products(model: Model, mantissa_bits: int) -> Iterator[None]:
    """Within the block, round both factors of every matrix product of the model to `mantissa_bits` (TF32: 10).

    Sums stay in the model's own precision, as on the hardware. Attention runs unfused, so that its products are
    seen. Raises `SemphaseError` when no product was seen, since nothing would have been emulated.
    """
    fused = model.module.config._attn_implementation
    model.module.set_attn_implementation("eager")
    mode = RoundedFactors(mantissa_bits)
    try:
        with mode:
            yield
    finally:
        model.module.set_attn_implementation(fused)
    if not mode.products:
        raise SemphaseError(f"no matrix product of {model.name} passed the rounding; the emulation did nothing.")


class RoundedFactors(TorchDispatchMode):
    """Inside the block both factors of every matrix product keep so many mantissa bits; counts the products."""

    def __init__(self, mantissa_bits: int) -> None:
        super().__init__()
        self.mantissa_bits = mantissa_bits
        self.products = 0

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func in _PRODUCTS:
            self.products += 1
            factors = _PRODUCTS[func]
            args = tuple(round_mantissa(arg, self.mantissa_bits) if i in factors else arg for i, arg in enumerate(args))
        return func(*args, **(kwargs or {}))


def round_mantissa(x: Tensor, bits: int) -> Tensor:
    """Round to nearest, ties to even, keeping `bits` of float32's 23 mantissa bits."""
    drop = 23 - bits
    if drop <= 0:
        return x
    raw = x.float().contiguous().view(torch.int32)
    half = (1 << (drop - 1)) - 1
    rounded = (raw + half + ((raw >> drop) & 1)) & ~((1 << drop) - 1)
    return rounded.view(torch.float32).to(x.dtype)
