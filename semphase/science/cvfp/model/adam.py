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
        self._fused = next(iter(self.named.values())).device.type in FUSED
        self._adam = torch.optim.Adam(self.named.values(), lr=rate, fused=self._fused)

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
            # The fused form counts its steps on the device, the other one on the processor.
            own["step"] = own["step"] if self._fused else own["step"].cpu()
            self._adam.state[parameter] = own
