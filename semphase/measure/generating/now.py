"""Where a generation stands: how many positions each row has, and which keys its newest one sees."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Tensor

FamilyMask = Bool[Tensor, "1 #head capacity capacity"]
"""Which keys a family's layer lets each position see; None stands for all up to itself."""
Visible = Bool[Tensor, "row #head 1 key"]
Hidden = Bool[Tensor, "#row #head capacity capacity"]


class Now:
    """Rows of different lengths, each with its positions counted from 0, whatever its neighbours are.

    A key lies at its own position, so that rows need no shifting; a shorter row has room behind its end, which it fills
    with what it generates before it can see it. Nothing here waits for the device.
    """

    def __init__(self, lengths: tuple[int, ...], copies: int, device: torch.device) -> None:
        self.copies = copies
        self.begun = False
        self.longest = max(lengths)
        self._even = len(set(lengths)) == 1
        self.positions: Int[Tensor, " row"] = torch.tensor(lengths, device=device).repeat_interleave(copies) - 1
        self._rows = torch.arange(len(lengths) * copies, device=device)
        self._prompts = self._rows // copies
        self._past: Visible | None = None

    def step(self) -> None:
        """One position more in every row."""
        self.begun = True
        self.positions = self.positions + 1
        self.longest += 1
        if not self._even:
            keys = torch.arange(self.longest, device=self.positions.device)
            self._past = (keys <= self.positions[:, None])[:, None, None]

    def keep(self, rows: Int[Tensor, " kept"]) -> None:
        """Go on with some of the rows."""
        self.positions, self._prompts = self.positions[rows], self._prompts[rows]
        self._rows = torch.arange(len(rows), device=rows.device)

    def leave(self, positions: int) -> None:
        """Some positions further without anything in them, for a clock that does not ask what was read."""
        self.begun = True
        self.positions = self.positions + positions
        self.longest += positions

    def write(self, kept: Tensor, new: Tensor) -> None:
        """Put [row, head, 1, d] at the newest positions of [row, head, capacity, d]."""
        if self._even:
            kept.narrow(2, self.longest - 1, 1).copy_(new)
        else:
            kept[self._rows, :, self.positions] = new[:, :, 0]

    def seen(self, mask: FamilyMask | None) -> Visible | None:
        """Which keys the newest positions see; None for all of them."""
        if mask is None:
            return self._past
        return mask[0, :, self.positions, : self.longest].transpose(0, 1)[:, :, None]

    def rows_of(self, hidden: Hidden) -> Visible:
        """The newest positions' rows of what is hidden from every position."""
        if len(hidden) == 1:
            return hidden[0][:, self.positions, : self.longest].transpose(0, 1)[:, :, None]
        return hidden[self._prompts, :, self.positions, : self.longest][:, :, None]
