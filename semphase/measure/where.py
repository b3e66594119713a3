"""What an edit is told about the layer and the prompts that it is at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from semphase.errors import SemphaseError
from semphase.measure.arrays import Frozen
from semphase.measure.batching import Batch
from semphase.measure.edit_base import Run
from semphase.measure.run_values import RunValues
from semphase.measure.sites import Shape, Site
from semphase.models import Model


@dataclass(frozen=True, eq=False)
class Where:
    """What an edit may ask (`semphase.measure.edit_base.Here`): one layer of a site, the rows of a batch."""

    model: Model
    shape: Shape
    runs: RunValues
    site: Site
    layer: int
    heads: tuple[int, ...]
    batch: Batch

    def mean(self, run: Run) -> Tensor:
        """A run's mean over prompts and positions, [(head,) d]; of a pattern over prompts, [query, head, key]."""
        return self._tensor(self.runs.mean(run, self.site, self.layer, self.heads, self.batch.width))

    def same(self, run: Run) -> Tensor:
        """A run's values of the same prompts, [row, position, (head,) d]."""
        return self._of(run, [row.item for row in self.batch.rows])

    def drawn(self, run: Run, seed: int) -> Tensor:
        """A run's values of other prompts, drawn for each of these."""
        return self._of(run, self.runs.donors(run, self.site, self.batch, seed))

    def vector(self, values: Frozen) -> Tensor:
        """An array that broadcasts to [layer, (head,) d], at this layer."""
        grid = self.site.grid(self.shape)
        if values.values.ndim == 1:
            return self._tensor(values.values)
        whole = np.broadcast_to(values.values, (*grid, values.values.shape[-1]))
        return self._tensor(whole[list(self.site.chosen(self.shape)).index(self.layer)])

    def call(self, function: Callable[..., Any], arrays: tuple[tuple[str, Frozen], ...], values: Tensor) -> Tensor:
        """function(values, **arrays), with prompts of equal length together and nothing beyond their ends."""
        named = {name: self._tensor(array.values) for name, array in arrays}
        made = values.clone()
        for length, rows in self.batch.by_length:
            keys = slice(length) if self.site.kind == "pattern" else slice(None)
            part = values[rows, :length][..., keys]
            found = function(part, **named)
            if not isinstance(found, Tensor) or found.shape != part.shape:
                got = f"shape {list(found.shape)}" if isinstance(found, Tensor) else repr(found)
                raise SemphaseError(
                    f"{function.__name__} was given values of shape {list(part.shape)} at {self.site} and gave {got}; "
                    "return a tensor of the same shape."
                )
            made[rows, :length] = torch.nn.functional.pad(found, (0, made.shape[-1] - found.shape[-1]))
        return made

    def _of(self, run: Run, prompts: list[int]) -> Tensor:
        return self._tensor(self.runs.rows(run, self.site, self.layer, self.heads, prompts, self.batch.width))

    def _tensor(self, values: np.ndarray) -> Tensor:
        found = torch.tensor(values)
        # In the model's type first, for not every device has float64.
        return (found.to(self.model.dtype) if found.is_floating_point() else found).to(self.model.device)
