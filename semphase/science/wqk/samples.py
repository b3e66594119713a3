"""Losses under rebuilt query weights, for `--verify` to measure again on the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from semphase.errors import NotApplicable
from semphase.measure.replay import Replay
from semphase.measure.weights import with_queries
from semphase.models import Model
from semphase.science.wqk.facet import WeightBasis
from semphase.study.sample import Sample, of_first_losses
from semphase.study.study import Study
from semphase.study.text import Ids


@dataclass(eq=False)
class Samples:
    """The fewest leading components that claims rebuild query weights from."""

    study: Study

    def samples(self) -> Iterator[Sample]:
        """Losses of about 1,024 tokens with query weights of few components; the relative difference."""
        own = self.study.facet(WeightBasis)
        try:
            count = own.grid[0]
        except NotApplicable:
            return

        def again(reference: Model, ids: Ids) -> Tensor:
            with with_queries(reference, own.rebuilt("leading", count)), Replay(reference, ids) as replay:
                return replay.in_force

        components = f"{count} component{'' if count == 1 else 's'}"
        named = f"with query weights rebuilt from {components}"
        yield of_first_losses(self.study.text, "both", named, lambda: own.losses("leading", count), again)
