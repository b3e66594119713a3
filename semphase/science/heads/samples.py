"""Losses under single zeroed heads, for `--verify` to measure again on the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

import numpy as np
from jaxtyping import Float

from semphase.measure.replay import Replay
from semphase.measure.sweeps import head_by_head, substitute
from semphase.models import Model
from semphase.science.heads.facet import Heads
from semphase.study.sample import TOKENS, Sample
from semphase.study.study import Study
from semphase.study.text import Ids
from semphase.tolerances import repeated_loss_tolerance


@dataclass(eq=False)
class Samples:
    """Of the first, the middle and the last layer one head each."""

    study: Study

    def samples(self) -> Iterator[Sample]:
        """Losses of about 1,024 tokens with one head zeroed, in three layers; the largest relative difference."""
        ids = next(self.study.text.groups("choose"))
        rows = min(len(ids), ceil(TOKENS / ids.shape[1]))

        def difference(reference: Model) -> float:
            again = self.again(reference, ids[:rows])
            return float(np.abs(self.measured(ids, rows) / again - 1).max())

        name = f"losses of {rows * (ids.shape[1] - 1):,} tokens with one head zeroed, {len(self.chosen)} heads"
        yield Sample(name, difference, repeated_loss_tolerance(self.study.dtype))

    @property
    def chosen(self) -> dict[int, int]:
        """By layer the head that is compared."""
        layers, heads = self.study.tokenizing_model.layers, self.study.tokenizing_model.heads
        return {layer: layer * (heads - 1) // max(1, layers - 1) for layer in sorted({0, layers // 2, layers - 1})}

    def measured(self, ids: Ids, rows: int) -> Float[np.ndarray, " head"]:
        """The run's own mean losses on the first rows of a group; of the store, where single heads were swept exactly."""
        heads = self.study.tokenizing_model.heads
        wanted = {layer: list(range(heads)) for layer in self.chosen}
        losses = self.study.facet(Heads)._single_group("zero", ids, wanted, lambda _: None)
        blocks = rows * len(losses.counts) // len(ids)
        places = [place * heads + head for place, head in enumerate(self.chosen.values())]
        return losses.sums[places, :blocks].sum(axis=-1) / losses.counts[:blocks].sum()

    def again(self, reference: Model, ids: Ids) -> Float[np.ndarray, " head"]:
        """The same by the reference model."""
        zero = substitute("zero")
        with Replay(reference, ids.to(reference.device)) as replay:
            rows = [head_by_head(replay, layer, zero, [head]) for layer, head in self.chosen.items()]
        return np.array([float(row.double().mean()) for row in rows])
