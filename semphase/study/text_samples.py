"""Losses of the study's text under an edit, for `--verify` to measure again on the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

import numpy as np
import xarray as xr

from semphase.measure.edit_base import Edit
from semphase.measure.edits import zeroed
from semphase.measure.items import Items
from semphase.measure.looks import Losses
from semphase.measure.sites import head
from semphase.measure.sweeping import groups, swept_group
from semphase.models import Model
from semphase.study.sample import TOKENS, Sample
from semphase.study.study import Study
from semphase.study.sweep import Sweep
from semphase.tolerances import repeated_loss_tolerance


@dataclass(eq=False)
class Samples:
    """One head of the middle layer zeroed, by the way that edits of a text are measured."""

    study: Study

    def samples(self) -> Iterator[Sample]:
        """The mean loss of about 1,024 tokens with one head zeroed; the relative difference."""
        chunks = self.study.text.chunks("judge")
        items = Items.of_chunks(chunks[: ceil(TOKENS / chunks.shape[1])])
        layer = self.study.tokenizing_model.layers // 2
        edits = (zeroed(head(layer, 0)),)

        def difference(reference: Model) -> float:
            own = Sweep(self.study, items, Losses(), {"": edits}, must_move=False).result()
            return abs(_mean(own) / _mean(_again(reference, items, edits)) - 1)

        tokens = sum(items.lengths) - len(items)
        name = f"losses of {tokens:,} tokens under an edit, head {layer}.0 zeroed"
        yield Sample(name, difference, repeated_loss_tolerance(self.study.dtype))


def _again(reference: Model, items: Items, edits: tuple[Edit, ...]) -> xr.DataArray:
    reader, parts = Losses(), []
    for group in groups(reference, items, reader.rows(items)):
        for _, values, _ in swept_group(reference, group, {"": edits}, reader):
            parts.append((group, values))
    return reader.gathered(items, parts)


def _mean(losses: xr.DataArray) -> float:
    return float(np.nanmean(losses.values.astype(np.float64)))
