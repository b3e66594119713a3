"""First epochs of a training, for `--verify` to train again on the CPU."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import xarray as xr

from semphase.models import Model
from semphase.science.cvfp.facet import Cvfp
from semphase.science.cvfp.grids import Grid, Training
from semphase.science.cvfp.model import train, vocabulary_of
from semphase.study.sample import Sample
from semphase.study.study import Study
from semphase.tolerances import EPSILON

EPOCHS = 3
GROWTH = 1000
"""Steps that a perplexity's rounding may have added up over: an epoch of the smallest size has ten to a hundred."""


@dataclass(eq=False)
class Samples:
    """The token block without any context, at the smallest size and the first seed, where a run trained it."""

    study: Study

    def samples(self) -> Iterator[Sample]:
        """Perplexities of the first epochs of a training without contexts; the largest relative difference."""
        own = self.study.facet(Cvfp)
        training = self.training
        if not self.study.store.path(own._key(training)).exists():
            return

        def difference(reference: Model) -> float:
            found = own.trained((training,))[training]["epoch_perplexity"].values[:EPOCHS]
            again = self.again(reference, training)["epoch_perplexity"].values
            return float(np.abs(found[: len(again)] / again - 1).max())

        name = f"perplexities of {EPOCHS} epochs of a training on {training.documents} documents"
        yield Sample(name, difference, GROWTH * EPSILON[self.study.dtype])

    @property
    def training(self) -> Training:
        """The training that is repeated."""
        own = self.study.facet(Cvfp)
        grid = Grid("bigram", own.sizes[:1], own.seeds[:1], layers=(1,), tokens=(1,), kind="bigram")
        return grid.trainings(own.vocabulary.width)[0]

    def again(self, reference: Model, training: Training) -> xr.Dataset:
        """Its first epochs by the reference model's embedding."""
        own = self.study.facet(Cvfp)
        documents = own.documents
        vocabulary = vocabulary_of(reference, documents.training, documents.validation)
        recipe = replace(training.recipe, epochs=EPOCHS)
        with tempfile.TemporaryDirectory() as folder:
            (found,) = train(
                training.configuration, recipe, vocabulary, *own.split(training),
                seeds=[training.seed], kind=training.kind, folder=Path(folder) / "training",
            )  # fmt: skip
        return found
