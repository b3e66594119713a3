"""Products of a change in three TF32 products are as near to the true ones as those of float32."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch.nn import functional

from semphase.measure.products.around import Around
from semphase.measure.products.reduced_products import round_mantissa
from semphase.measure.products.split_products import split, split_weight

NUMBERS = st.floats(-100, 100, width=32)


@given(arrays(np.float32, (4, 5), elements=NUMBERS))
def test_both_parts_sum_to_the_number_and_the_first_is_one_of_tf32(own):
    x = torch.from_numpy(own)
    high, low = split(x)
    assert torch.equal(high + low, x)
    assert torch.equal(round_mantissa(high, 10), high)
    smallest = torch.finfo(torch.float32).smallest_normal  # below it numbers have fewer bits
    assert bool((low.abs() <= x.abs() * 2.0**-11 + smallest).all())


@pytest.mark.parametrize("size", [0.01, 0.3, 1.0])
@pytest.mark.parametrize("width", [64, 576, 2048])
def test_errors_are_below_those_of_a_float32_product(width, size):
    """Whole products in float32 round sums of x; here only sums of the change are rounded, and what is kept once."""
    draw = torch.Generator().manual_seed(width)
    x, rows = torch.randn(200, width, generator=draw), torch.randn(50, width, generator=draw)
    altered = x + size * torch.randn(3, 200, width, generator=draw)
    exact = altered.double() @ rows.double().T
    plain = functional.linear(altered, rows).double() - exact
    found = Around(split_weight(rows), x, functional.linear(x, rows)).product(altered).double() - exact
    # Both have the error of the kept product in float32; the change's own has 22 bits of each factor.
    assert float(found.norm()) <= 3 * float(plain.norm())
    rounded = round_mantissa(altered, 10).double() @ round_mantissa(rows, 10).double().T - exact
    assert float(found.norm()) < 0.05 * float(rounded.norm())


def test_without_a_change_a_product_is_the_one_kept():
    x, rows = torch.randn(20, 8), torch.randn(5, 8)
    there = functional.linear(x, rows)
    assert torch.equal(Around(split_weight(rows), x, there).product(x), there)
