"""Products of a change in three TF32 products: the accuracy of float32 at the speed of tensor cores.

A number of float32 is the sum of its first 11 bits and of the rest, and a product of two is the sum of four, of which that
of the rests is too small to count (Markidis et al. 2018; Ootomo and Yokota 2022, who also show what the rounding inside
tensor cores costs a whole product; here it is a share of a change, see `around`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from semphase.measure.products.reduced_products import round_mantissa
from semphase.measure.products.tf32 import BITS, tf32_products


@dataclass(frozen=True, slots=True, eq=False)
class SplitWeight:
    """A weight matrix as the sum of what TF32 holds of it and of the rest, transposed."""

    high: Float[Tensor, "d_in d_out"]
    low: Float[Tensor, "d_in d_out"]

    def added(
        self, there: Float[Tensor, "token d_out"], change: Float[Tensor, "copy token d_in"]
    ) -> Float[Tensor, "copy token d_out"]:
        """`there` plus the products with a change; small terms are summed before large ones."""
        flat = change.flatten(0, 1)
        high, low = split(flat)
        with tf32_products(flat.device):
            found = torch.mm(low, self.high).addmm_(high, self.low).addmm_(high, self.high)
        return found.view(*change.shape[:2], -1).add_(there)


def split_weight(rows: Float[Tensor, "d_out d_in"]) -> SplitWeight:
    """A weight matrix for products of a change."""
    return SplitWeight(*(part.T.contiguous() for part in split(rows)))


def split(x: Float[Tensor, "*shape"]) -> tuple[Float[Tensor, "*shape"], Float[Tensor, "*shape"]]:
    """What TF32 holds of each number, and the rest; their sum is exact."""
    high = round_mantissa(x, BITS)
    return high, x - high
