"""Losses when blocks write in few directions, for `--verify` to measure again on the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from semphase.models import Model
from semphase.science.writes.facet import INDIVIDUAL, Writes
from semphase.science.writes.sums import low_rank_losses
from semphase.study.sample import Sample, of_first_losses
from semphase.study.study import Study
from semphase.study.text import Ids

FRACTION = 64
"""Of the source's 768 components, those that are kept."""


@dataclass(eq=False)
class Samples:
    """The layers' own directions, as the run found them."""

    study: Study

    def samples(self) -> Iterator[Sample]:
        """Losses of about 1,024 tokens when blocks write in few directions; the relative difference."""
        own = self.study.facet(Writes)
        count = own.scaled(FRACTION)

        def again(reference: Model, ids: Ids) -> Tensor:
            means, bases = own.in_basis(INDIVIDUAL)
            taken = torch.from_numpy(own.taken(INDIVIDUAL, count))
            return low_rank_losses(reference, ids, means, bases[..., :count], taken, own.read)

        named = f"with every block's write in {count} directions"
        yield of_first_losses(self.study.text, "judge", named, lambda: own.losses(INDIVIDUAL, count), again)
