"""Adam with a clipped gradient, and its state as tensors with names."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

MOMENTS = ("step", "exp_avg", "exp_avg_sq")
FUSED = ("cpu", "cuda")


class ClippedAdam:
    """Steps on a block's parameters; the gradient's norm is held below a bound."""

    def __init__(self, block: nn.Module, rate: float, bound: float) -> None:
        self.named = dict(block.named_parameters())
        self.bound = bound
        device = next(iter(self.named.values())).device.type
        self._adam = torch.optim.Adam(self.named.values(), lr=rate, fused=device in FUSED)

    def step(self) -> None:
        """One step on the gradients that have been summed up, which are dropped."""
        nn.utils.clip_grad_norm_(self.named.values(), self.bound)
        self._adam.step()
        self._adam.zero_grad()

    def state(self) -> dict[str, Tensor]:
        """Parameters and moments by name."""
        found = {f"block.{name}": parameter.detach() for name, parameter in self.named.items()}
        for name, parameter in self.named.items():
            found |= {f"{moment}.{name}": value for moment, value in self._adam.state[parameter].items()}
        return found

    @torch.no_grad()
    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from a state."""
        for name, parameter in self.named.items():
            parameter.copy_(tensors[f"block.{name}"])
            own = {moment: tensors[f"{moment}.{name}"] for moment in MOMENTS}
            # Only MPS and the CPU's fused form agree on where the step counter lies: with the parameter.
            self._adam.state[parameter] = own
