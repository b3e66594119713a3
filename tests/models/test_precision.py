"""The probe reads the mantissa of a product, whatever the hardware claims."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import semphase.models.precision as precision
from semphase.errors import SemphaseError
from semphase.models import mantissa_bits, require_precision, use_full_precision

CPU = torch.device("cpu")


def rounded(values: Tensor, bits: int) -> Tensor:
    """float32 values rounded to a shorter mantissa, ties to even."""
    lost = 23 - bits
    pattern = values.contiguous().view(torch.int32)
    odd = (pattern >> lost) & 1
    return ((pattern + (1 << (lost - 1)) - 1 + odd) >> lost << lost).view(torch.float32)


@pytest.mark.parametrize(("name", "bits"), [("float64", 52), ("float32", 23), ("float16", 10), ("bfloat16", 7)])
def test_each_dtype_keeps_its_own_mantissa(name, bits):
    assert mantissa_bits(CPU, precision.dtype_of(name)) == bits


@pytest.mark.parametrize("bits", [10, 7, 8, 16, 22])
def test_inputs_rounded_to_a_shorter_mantissa_are_found_out(bits):
    def multiply(left: Tensor, right: Tensor) -> Tensor:
        return rounded(left, bits) @ rounded(right, bits)

    assert mantissa_bits(CPU, torch.float32, multiply) == bits


@pytest.mark.parametrize("side", [0, 1])
def test_rounding_of_one_side_is_found_out(side):
    def multiply(*sides: Tensor) -> Tensor:
        left, right = (rounded(each, 10) if k == side else each for k, each in enumerate(sides))
        return left @ right

    assert mantissa_bits(CPU, torch.float32, multiply) == 10


def test_three_products_of_bfloat16_halves_are_not_float32():
    def halves(values: Tensor) -> tuple[Tensor, Tensor]:
        high = values.bfloat16().float()
        return high, (values - high).bfloat16().float()

    def multiply(left: Tensor, right: Tensor) -> Tensor:
        (high, low), (above, below) = halves(left), halves(right)
        return high @ above + high @ below + low @ above

    assert 14 <= mantissa_bits(CPU, torch.float32, multiply) <= 17  # two mantissas of 7 bits, each with a leading one


def test_short_products_stop_a_float32_run_only(monkeypatch):
    monkeypatch.setattr(precision, "mantissa_bits", lambda *_: 10)
    assert require_precision(CPU, torch.bfloat16, "bfloat16") == 10
    with pytest.raises(SemphaseError, match="keep 10 mantissa bits, not the 23 of float32"):
        require_precision(CPU, torch.float32, "float32")


def test_full_precision_is_switched_on():
    torch.set_float32_matmul_precision("medium")
    use_full_precision()
    assert torch.get_float32_matmul_precision() == "highest"
    assert require_precision(CPU, torch.float32, "float32") == 23


def test_unknown_dtype():
    with pytest.raises(SemphaseError, match="no dtype 'fp8': choose one of float32, bfloat16, float16, float64"):
        precision.dtype_of("fp8")
