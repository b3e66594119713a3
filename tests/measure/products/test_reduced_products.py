"""Rounded mantissas against NumPy, and rounded products against a forward pass whose factors are rounded by hand."""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import nn
from torch.overrides import TorchFunctionMode

from semphase.errors import SemphaseError
from semphase.measure.products.reduced_products import round_mantissa, rounded_products
from semphase.measure.streams import capture_streams
from semphase.measure.targets import locate_all

LARGEST = float(np.finfo(np.float32).max)
SMALLEST = float(np.finfo(np.float32).tiny)
NORMAL = st.floats(SMALLEST, LARGEST, width=32) | st.floats(-LARGEST, -SMALLEST, width=32) | st.just(0.0)
FAMILIES = ["gpt2", "llama", "gemma3_text", "gpt_neox", "opt", "phi"]


def rounded_by_frexp(x: np.ndarray, bits: int) -> np.ndarray:
    """bits + 1 significant digits, the first of them implicit; np.rint goes to the nearest, ties to even."""
    mantissa, exponent = np.frexp(x.astype(np.float64))
    with np.errstate(over="ignore"):
        return np.ldexp(np.rint(np.ldexp(mantissa, bits + 1)), exponent - bits - 1).astype(np.float32)


@given(st.lists(NORMAL, min_size=1, max_size=20), st.integers(1, 23))
@example([1.0 + 2.0**-11, 1.0 + 3 * 2.0**-11, -1.0 - 2.0**-11], 10)  # ties
@example([LARGEST, -LARGEST], 10)  # rounds up to infinity
def test_mantissas_are_rounded_as_numpy_rounds(values, bits):
    x = np.array(values, np.float32)
    np.testing.assert_array_equal(round_mantissa(torch.from_numpy(x), bits).numpy(), rounded_by_frexp(x, bits))


@given(st.lists(NORMAL, min_size=1, max_size=20), st.integers(1, 22))
def test_rounding_twice_is_rounding_once(values, bits):
    once = round_mantissa(torch.tensor(values), bits)
    assert torch.equal(round_mantissa(once, bits), once)


def test_what_is_not_finite_stays_so():
    special = round_mantissa(torch.tensor([torch.inf, -torch.inf, torch.nan, -0.0]), 10)
    assert special[:2].tolist() == [math.inf, -math.inf]
    assert math.isnan(special[2])
    assert math.copysign(1, special[3]) == -1


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_shorter_types_keep_their_type_and_values(dtype):
    x = torch.linspace(-3, 3, 50, dtype=dtype)
    assert round_mantissa(x, 10).dtype == dtype
    assert torch.equal(round_mantissa(x, 10), x)  # they have 7 and 10 bits


def test_strided_tensors_are_rounded_in_place_of_their_elements():
    x = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(round_mantissa(x.T, 5), round_mantissa(x, 5).T)


class TwoLayers(nn.Module):
    """A linear map with a bias, a ReLU, a batched product with itself and a bare product."""

    def __init__(self) -> None:
        super().__init__()
        draw = torch.Generator().manual_seed(0)
        self.first, self.second = torch.randn(5, 4, generator=draw), torch.randn(3, 5, generator=draw)
        self.bias = torch.randn(5, generator=draw)
        self.config = SimpleNamespace(_attn_implementation="sdpa")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = torch.relu(nn.functional.linear(x, self.first, self.bias))
        return (x @ x.mT) @ nn.functional.linear(hidden, self.second)

    def set_attn_implementation(self, wanted: str) -> None:
        self.config._attn_implementation = wanted


@pytest.mark.parametrize("bits", [3, 10])
def test_factors_are_rounded_and_sums_are_not(bits):
    module = TwoLayers()
    x = torch.randn(2, 4, 4, generator=torch.Generator().manual_seed(1))
    with rounded_products(SimpleNamespace(module=module, name="two layers"), bits), torch.no_grad():
        found = module(x)

    def r(values: np.ndarray) -> np.ndarray:
        return rounded_by_frexp(values, bits).astype(np.float64)

    inputs, first, second = x.numpy(), module.first.numpy(), module.second.numpy()
    hidden = np.maximum(r(inputs) @ r(first).T + module.bias.numpy(), 0)
    left, right = r(inputs) @ r(inputs).swapaxes(-1, -2), r(hidden) @ r(second).T
    # Sums of five float32 products of numbers of order one.
    np.testing.assert_allclose(found, r(left) @ r(right), rtol=1e-5, atol=1e-5)


class _ByHand(TorchFunctionMode):
    """Rounds the factors of every product that Python code asks for, one level above the dispatcher."""

    FACTORS: ClassVar = {
        torch.nn.functional.linear: (0, 1),
        torch.matmul: (0, 1),
        torch.Tensor.matmul: (0, 1),
        torch.Tensor.__matmul__: (0, 1),
        torch.bmm: (0, 1),
        torch.mm: (0, 1),
        torch.addmm: (1, 2),
        torch.baddbmm: (1, 2),
    }

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.bits, self.products = bits, 0

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        if func in self.FACTORS:
            self.products += 1
            args = tuple(
                torch.from_numpy(rounded_by_frexp(arg.numpy(), self.bits)) if i in self.FACTORS[func] else arg
                for i, arg in enumerate(args)
            )
        return func(*args, **(kwargs or {}))


@contextmanager
def eager(model):
    fused = model.module.config._attn_implementation
    model.module.set_attn_implementation("eager")
    yield
    model.module.set_attn_implementation(fused)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_product_of_a_model_is_rounded(loaded, prompts, family):
    model = loaded(family)
    targets = locate_all(model, prompts[:3])
    with rounded_products(model, 7):
        measured = capture_streams(model, targets)
    with eager(model), _ByHand(7) as by_hand:
        expected = capture_streams(model, targets)
    # Query, key, value and output maps, scores and mixed values, and the MLP's two maps at least.
    assert by_hand.products >= 6 * model.layers
    for variable in ("stream", "attention"):
        np.testing.assert_allclose(measured[variable], expected[variable], atol=1e-5)
    exact = capture_streams(model, targets)
    assert np.abs(measured["stream"] - exact["stream"]).max() > 1e-3


@pytest.mark.parametrize("family", FAMILIES)
def test_all_bits_kept_is_the_model_itself(loaded, prompts, family):
    model = loaded(family)
    targets = locate_all(model, prompts[:3])
    with eager(model):
        expected = capture_streams(model, targets)
    with rounded_products(model, 23):
        measured = capture_streams(model, targets)
    assert np.array_equal(measured["stream"], expected["stream"])


def test_the_attention_of_before_is_restored(loaded, prompts):
    model = loaded("llama")
    assert model.module.config._attn_implementation == "sdpa"
    with pytest.raises(KeyError), rounded_products(model, 10):
        raise KeyError
    assert model.module.config._attn_implementation == "sdpa"
    targets = locate_all(model, prompts[:2])
    before = capture_streams(model, targets)
    with rounded_products(model, 10):
        assert model.module.config._attn_implementation == "eager"
        capture_streams(model, targets)
    assert model.module.config._attn_implementation == "sdpa"
    assert np.array_equal(capture_streams(model, targets)["stream"], before["stream"])


def test_rounding_nothing_is_an_error(loaded):
    model = replace(loaded("llama"), name="llama")
    message = "no matrix product of llama passed the rounding"
    with pytest.raises(SemphaseError, match=message), rounded_products(model, 10):
        pass
