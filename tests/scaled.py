"""A change that the package does not need and its tests do: heads multiplied by a factor, smooth in it."""

from __future__ import annotations

from dataclasses import dataclass

from semphase.measure.attention import Attending
from semphase.measure.changes import Heads, Outputs


@dataclass(frozen=True)
class Scaled:
    """The outputs of some heads multiplied by a factor."""

    heads: Heads
    factor: float

    def __call__(self, seen: Attending) -> Outputs:
        """The outputs of all heads of the layer, [batch, position, head, d_head]."""
        outputs = seen.outputs.clone()
        outputs[:, :, list(self.heads)] *= self.factor
        return outputs
