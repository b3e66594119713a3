"""How far each block turns the residual stream along a text (001, exp8 C)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import xarray as xr
from torch import Tensor, nn

from semphase.errors import SemphaseError
from semphase.measure.measurement import measurement
from semphase.measure.streams import first_tensor, pad, run_blocks
from semphase.models import Model


@measurement(version=1)
def rotation_angles(model: Model, tokens: Sequence[int]) -> xr.Dataset:
    """θ(l), the angle between φ(l) and φ(l−1) at every position of one text: `angle` (position, block), radians.

    Only two streams are held at a time.
    """
    angles: list[Tensor] = []
    before: list[Tensor] = []

    def enter(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        before[:] = [first_tensor(args if args else kwargs["hidden_states"])[0]]

    def leave(_module: nn.Module, _args: Any, output: Any) -> None:
        after = first_tensor(output)[0]
        angles.append(angle_between(before[0], after))
        before[:] = [after]

    handles = [model.anatomy.blocks[0].register_forward_pre_hook(enter, with_kwargs=True)]
    handles += [block.register_forward_hook(leave) for block in model.anatomy.blocks]
    try:
        run_blocks(model, *pad(model, [tokens]))
    finally:
        for handle in handles:
            handle.remove()
    angle = torch.stack(angles, dim=1).cpu().numpy()
    if not torch.isfinite(torch.from_numpy(angle)).all():
        raise SemphaseError(f"the activations of {model.name} on the corpus are not finite; choose a wider --dtype.")
    return xr.Dataset({"angle": (("position", "block"), angle)}, attrs={"unit": "radian"})


def angle_between(a: Tensor, b: Tensor) -> Tensor:
    """Angle between rows by atan2 of the unit vectors' difference and sum, exact also near 0 and π (Kahan)."""
    a, b = (x.double() / x.double().norm(dim=-1, keepdim=True) for x in (a, b))
    return 2 * torch.atan2((a - b).norm(dim=-1), (a + b).norm(dim=-1))
