"""What one layer's attention keeps of the past."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from semphase.measure.generating.now import Now

Kept = Float[Tensor, "row kv capacity d"]
Grown = Float[Tensor, "row kv key d"]


class KeysAndValues:
    """Keys and values of all positions so far, in room for `capacity` of them; rows as `Now` has them."""

    def __init__(self, now: Now, capacity: int) -> None:
        self.now = now
        self.capacity = capacity
        self._kept: list[Kept] = []

    def begin(self, *first: Float[Tensor, "prompt kv position d"]) -> None:
        """Keys and values of the prompts, one row for each copy of a prompt."""
        self._kept = []
        for part in first:
            rows = len(part) * self.now.copies
            kept = part.new_zeros(rows, part.shape[1], self.capacity, part.shape[3])
            kept[:, :, : part.shape[2]] = part.repeat_interleave(self.now.copies, dim=0)
            self._kept.append(kept)

    def keep(self, rows: Int[Tensor, " kept"]) -> None:
        """Go on with some of the rows."""
        self._kept = [kept[rows] for kept in self._kept]

    def extend(self, *new: Float[Tensor, "row kv 1 d"]) -> list[Grown]:
        """All keys and values, those of the newest positions put in."""
        for kept, part in zip(self._kept, new, strict=True):
            self.now.write(kept, part)
        return [kept.narrow(2, 0, self.now.longest) for kept in self._kept]


class RunningState:
    """Σ k vᵀ over all positions so far: all that attention without softmax needs of them (Katharopoulos et al. 2020)."""

    def __init__(self, now: Now) -> None:
        self.now = now
        self.state: Float[Tensor, "row head d d_value"] = torch.empty(0)

    def begin(
        self, key: Float[Tensor, "prompt head position d"], value: Float[Tensor, "prompt head position d_value"]
    ) -> None:
        """The sums over the prompts; what fills a row up behind its end does not count."""
        last = self.now.positions[:: self.now.copies]
        inside = torch.arange(key.shape[2], device=key.device) <= last[:, None]
        state = (key * inside[:, None, :, None]).transpose(-1, -2) @ value
        self.state = state.repeat_interleave(self.now.copies, dim=0)

    def keep(self, rows: Int[Tensor, " kept"]) -> None:
        """Go on with some of the rows."""
        self.state = self.state[rows] if self.state.numel() else self.state

    def extend(
        self, key: Float[Tensor, "row head 1 d"], value: Float[Tensor, "row head 1 d_value"]
    ) -> Float[Tensor, "row head d d_value"]:
        """The sums with the newest positions."""
        self.state = torch.baddbmm(self.state.flatten(0, 1), key.flatten(0, 1).transpose(1, 2), value.flatten(0, 1))
        self.state = self.state.unflatten(0, key.shape[:2])
        return self.state
