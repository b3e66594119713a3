"""Products of a change in 8-bit integers, for screening.

Each row of a change and of W is rounded to integer steps of 1/127 of its largest entry (row-wise scales as in Dettmers et
al. 2022, LLM.int8()). The error is about a hundredth of the change.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int8
from torch import Tensor

LEVELS = 127
_LEAST = torch.finfo(torch.float32).tiny


@dataclass(frozen=True, slots=True, eq=False)
class Weight:
    """The rows of one or several weight matrices in steps of `step`."""

    levels: Int8[Tensor, "d_in d_out"]
    step: Float[Tensor, " d_out"]

    def added(
        self, there: Float[Tensor, "token d_out"], change: Float[Tensor, "copy token d_in"]
    ) -> Float[Tensor, "copy token d_out"]:
        """`there` plus the products with a change, which is overwritten."""
        step = (change.abs().amax(dim=-1, keepdim=True) / LEVELS).clamp_min_(_LEAST)
        levels = change.div_(step).round_().to(torch.int8).flatten(0, 1)
        found = torch._int_mm(levels, self.levels).to(step.dtype).view(len(change), len(there), -1)
        return torch.addcmul(there, found.mul_(step), self.step)


def integers_multiply(device: torch.device) -> bool:
    """Does the device multiply 8-bit integers, and without saturating? Processors without VNNI may not."""
    largest = torch.full((32, 64), LEVELS, dtype=torch.int8, device=device)
    try:
        found = torch._int_mm(largest, largest.T)
    except RuntimeError:
        return False
    return bool((found == 64 * LEVELS**2).all())


def weight_levels(rows: Float[Tensor, "d_out d_in"]) -> Weight:
    """Each row in integer steps of 1/127 of its largest entry."""
    step = (rows.detach().abs().amax(dim=-1) / LEVELS).clamp_min(_LEAST)
    return Weight((rows.detach() / step[:, None]).round().to(torch.int8).T, step)
