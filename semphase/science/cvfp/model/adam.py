"""Adam with a clipped gradient on several members at once, and its state as tensors with names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from semphase.science.cvfp.model.stack import Flat

MOMENTS = ("step", "exp_avg", "exp_avg_sq")
FUSED = ("cpu", "cuda")


class ClippedAdam:
    """Steps on the rows of `values` along `slopes`; the norm of each row's gradient is held below a bound."""

    def __init__(self, values: Flat, rate: float, bound: float) -> None:
        self.values = torch.nn.Parameter(values)
        self.slopes = torch.zeros_like(values)
        self.rate, self.bound = rate, bound
        self._fused = values.device.type in FUSED
        self._adam = torch.optim.Adam([self.values], lr=rate, fused=self._fused)
        self.values.grad = self.slopes

    def step(self) -> None:
        """One step on the gradients that have been summed up, which are set to 0."""
        norm = torch.linalg.vector_norm(self.slopes, dim=1, keepdim=True)
        # As torch.nn.utils.clip_grad_norm_ does for a single model.
        self.slopes.mul_((self.bound / (norm + 1e-6)).clamp_(max=1.0))
        self._adam.step()
        self.slopes.zero_()

    def kept(self, members: Sequence[int]) -> ClippedAdam:
        """The same for some of the members."""
        rows = torch.as_tensor(members, dtype=torch.long, device=self.values.device)
        made = ClippedAdam(self.values.detach()[rows], self.rate, self.bound)
        state = {name: value[rows] if value.ndim else value.clone() for name, value in self._moments().items()}
        if state:
            made._adam.state[made.values] = state
        return made

    def state(self) -> dict[str, Tensor]:
        """Parameters and moments by name."""
        return {"values": self.values.detach()} | self._moments()

    @torch.no_grad()
    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from a state."""
        self.values.copy_(tensors["values"])
        own = {moment: tensors[moment] for moment in MOMENTS}
        # The fused form counts its steps on the device, the other one on the processor.
        own["step"] = own["step"] if self._fused else own["step"].cpu()
        self._adam.state[self.values] = own

    def _moments(self) -> dict[str, Tensor]:
        return dict(self._adam.state[self.values])
