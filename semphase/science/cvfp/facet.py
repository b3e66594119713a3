"""The CVFP language model on a study's embedding and text: grids of trainings, each kept in the store (003, 004).

All sizes share one output layer: the types of the largest training set and of the validation documents. "Shuffled"
permutes the tokens within the training documents of a size and leaves the validation documents as they are, so that
nothing but the frequencies of words can be learned; "reservoir" leaves the context block as it starts; "bigram" sees no
context.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Int

from semphase.data.corpus.documents import Documents, in_documents
from semphase.machine import hardware
from semphase.measure.measurement import installed
from semphase.science.cvfp.grids import Grid, Measured, Text, Training, differing_in_seed
from semphase.science.cvfp.model import Configuration, Recipe, Vocabulary, agreement, cache_times, train, vocabulary_of
from semphase.science.cvfp.spending import SIZES, Sizes
from semphase.science.cvfp.together import each_of, workers_for
from semphase.study.study import Study

Ids = Int[np.ndarray, "document position"]
CVFP_VERSION = 1
APART = 1000
"""Between the first seeds of two studies whose seeds are neighbours."""
DEEP: Mapping[str, Any] = {"layers": (3,), "tokens": (1,)}
"""The configuration for what 004 reports of a single one: the deepest here, with the one token that it had."""
DEEP_FIRST: Mapping[str, Any] = {**DEEP, "token_input": "first"}
WIDE: Mapping[str, Any] = {"layers": (3,), "tokens": (2,), "width": 2}
PATIENCE = 3
REPEATS = 9
"""Fixed before any time was taken; the interval of a ratio of times lies between two of them."""


@dataclass(eq=False)
class Cvfp:
    """Every training that a claim asks for, done once."""

    study: Study
    _measured: dict[Grid, Measured] = field(default_factory=dict, repr=False)

    @property
    def spending(self) -> Sizes:
        """How much the study's budget allows."""
        return SIZES.get(self.study.budget.name, Sizes())

    @cached_property
    def documents(self) -> Documents:
        """Training and validation documents; SemphaseError where the corpus has too few."""
        study, asked = self.study, self.spending
        counts = max(asked.documents), asked.validation_documents, asked.document_tokens
        return in_documents(study.tokens, *counts, name=f"the corpus {study.corpus.name}")

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The frozen embedding and the output layer, of the types in all documents."""
        documents = self.documents
        return vocabulary_of(self.study.model, documents.training, documents.validation)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Training documents of every size."""
        return self.spending.documents

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of the trainings."""
        return tuple(APART * self.study.seed + i for i in range(self.spending.seeds))

    @property
    def further_seeds(self) -> tuple[int, ...]:
        """Seeds of contexts alone, beside them."""
        return tuple(APART * self.study.seed + i for i in range(self.spending.seeds, self.spending.convergence_seeds))

    # Grids

    @property
    def matrix(self) -> Measured:
        """The source's nine configurations at all sizes."""
        return self.measured("matrix", self.sizes, self.seeds)

    @property
    def reservoir(self) -> Measured:
        """The same with an untrained context block."""
        return self.measured("reservoir", self.sizes, self.seeds, kind="reservoir")

    @property
    def shuffled(self) -> Measured:
        """The same trained on shuffled text."""
        return self.measured("shuffled text", self.sizes, self.seeds, text="shuffled")

    def convergence(self, text: Text = "as it stands") -> tuple[Measured, Measured]:
        """The nine configurations in two grids of seeds: the trainings above, and contexts alone."""
        further = self.measured(f"contexts, {text}", self.sizes, self.further_seeds, kind="contexts", text=text)
        return self.shuffled if text == "shuffled" else self.matrix, further

    @property
    def bigram(self) -> Measured:
        """One layer, one token without any context."""
        return self.measured("bigram", self.sizes, self.seeds, kind="bigram", layers=(1,), tokens=(1,))

    @property
    def first_only(self) -> Measured:
        """The token fed to the first layer only, at the two largest sizes."""
        return self.measured("token in the first layer", self.sizes[-2:], self.seeds, **DEEP_FIRST)

    @property
    def first_only_reservoir(self) -> Measured:
        """The same untrained, at the largest size."""
        return self.measured(
            "reservoir, token in the first layer", self.sizes[-1:], self.seeds, kind="reservoir", **DEEP_FIRST
        )

    @property
    def patient(self) -> Measured:
        """The token fed to the first layer only, which 004 saw stop early, with more patience."""
        recipe = Recipe(patience=PATIENCE)
        return self.measured("patience", self.sizes[-2:], self.seeds, recipe=recipe, **DEEP_FIRST)

    @property
    def wide(self) -> Measured:
        """Three layers, two tokens with contexts of twice the width, at the largest size."""
        return self.measured("wide", self.sizes[-1:], self.seeds, **WIDE)

    @property
    def wide_reservoir(self) -> Measured:
        """The same untrained."""
        return self.measured("wide reservoir", self.sizes[-1:], self.seeds, kind="reservoir", **WIDE)

    def measured(self, name: str, sizes: tuple[int, ...], seeds: tuple[int, ...], **shape: Any) -> Measured:
        """A grid's trainings, those done that the store lacks."""
        grid = Grid(name, sizes, seeds, **shape)
        if grid not in self._measured:
            found = self._all(grid.name, grid.trainings(self.vocabulary.width))
            self._measured[grid] = Measured(grid, found, self.documents.length)
        return self._measured[grid]

    # Trainings

    def _all(self, name: str, trainings: Sequence[Training]) -> list[xr.Dataset]:
        stacks = differing_in_seed(trainings)
        missing = {own: not self.study.store.path(self._key(own)).exists() for own in trainings}
        unfinished = [stack for stack in stacks if any(missing[own] for own in stack)]
        found: dict[Training, xr.Dataset] = {}
        if unfinished:
            count = sum(missing.values())
            label = f"{count} CVFP trainings of {self.study.label} ({name}), in documents"
            workers = workers_for(self.vocabulary.width, self.vocabulary.rows.device)
            with self.study.progress(label, sum(own.documents for own in trainings if missing[own])) as advance:

                def done(stack: Sequence[Training]) -> None:
                    advance(sum(own.documents for own in stack if missing[own]))

                for made in each_of(unfinished, self.trained, workers, done):
                    found |= made
        for stack in stacks:
            if stack not in unfinished:
                found |= self.trained(stack)
        return [found[own] for own in trainings]

    def trained(self, stack: Sequence[Training]) -> dict[Training, xr.Dataset]:
        """What trainings that differ in their seed gave; those that the store lacks are made now, side by side.

        They resume from the checkpoints of such that were killed.
        """

        def measure(missing: Sequence[Training]) -> Iterator[tuple[Training, xr.Dataset]]:
            if missing:
                own = missing[0]
                made = train(
                    own.configuration, own.recipe, self.vocabulary, *self.split(own),
                    seeds=[each.seed for each in missing], kind=own.kind,
                    folder=self.study.store.path(self._key(own)).with_suffix(""),
                )  # fmt: skip
                yield from zip(missing, made, strict=True)

        return self.study.store.several({own: self._key(own) for own in stack}, measure)

    def split(self, own: Training) -> tuple[Ids, Int[np.ndarray, "held_out position"]]:
        """Training and validation documents as rows of the vocabulary."""
        chosen = self.documents.first(own.documents)
        training = self.vocabulary.index(chosen.training)
        if own.text == "shuffled":
            training = self.study.rng("CVFP shuffled text").permuted(training, axis=None)
        return training, self.vocabulary.index(chosen.validation)

    def _key(self, own: Training) -> dict[str, Any]:
        return self._common("CVFP training") | {
            "tokens": _hash(*self.split(own)),
            "configuration": asdict(own.configuration),
            "recipe": asdict(own.recipe),
            "seed": own.seed,
            "kind": own.kind,
        }

    def _common(self, measurement: str) -> dict[str, Any]:
        vocabulary = self.vocabulary
        return {
            "measurement": measurement,
            "version": CVFP_VERSION,
            "embedding": self._embedding,
            "dtype": str(vocabulary.rows.dtype),
            "device": vocabulary.rows.device.type,
            "torch": installed("torch"),
        }

    @cached_property
    def _embedding(self) -> str:
        return _hash(self.vocabulary.head.double().cpu().numpy())

    # Fast forms against the definition

    @property
    def deep(self) -> Configuration:
        """The configuration for what 004 reports of a single one."""
        d = self.vocabulary.width
        return Configuration(DEEP["layers"][0], DEEP["tokens"][0], d, d)

    @property
    def smallest(self) -> Ids:
        """Documents of the smallest training set as rows of the vocabulary."""
        return self.vocabulary.index(self.documents.first(self.sizes[0]).training)

    def agreement(self, seed: int) -> xr.Dataset:
        """Parallel against sequential contexts at every position of the smallest training set (004, section 2)."""
        training = self.smallest
        key = self._common("CVFP agreement") | {
            "tokens": _hash(training),
            "configuration": asdict(self.deep),
            "recipe": asdict(Recipe()),
            "seed": seed,
        }
        with self.study.progress(f"sequential CVFP contexts of {self.study.label}", 1) as advance:
            found = self.study.store.get(key, lambda: agreement(self.deep, Recipe(), self.vocabulary, training, seed))
            advance(1)
        return found

    @cached_property
    def cache_times(self) -> xr.Dataset:
        """Seconds of building the cache of the smallest training set in every form; kept for this machine."""
        training = self.smallest
        key = self._common("CVFP cache times") | {
            "hardware": hardware(),
            "tokens": _hash(training),
            "configuration": asdict(self.deep),
            "repeats": REPEATS,
            "difference": "by form and document",
            "seed": self.seeds[0],
        }

        def measure() -> xr.Dataset:
            return cache_times(self.deep, Recipe(), self.vocabulary, training, self.seeds[0], REPEATS)

        with self.study.progress(f"caches of CVFP contexts of {self.study.label}", 1) as advance:
            found = self.study.store.get(key, measure)
            advance(1)
        return found

    @property
    def reading(self) -> dict[str, Any]:
        """For a report's detail: what was trained on what."""
        documents = self.documents
        return {
            "training documents": self.sizes,
            "training tokens": [size * documents.length for size in self.sizes],
            "validation documents": self.spending.validation_documents,
            "validation tokens": documents.validation.size,
            "tokens of a document": documents.length,
            "validation tokens unseen in training, by size": [documents.unseen(size) for size in self.sizes],
            "output layer": f"the {len(self.vocabulary.types)} token types in training or validation documents",
            "embedding": f"{self.study.label}'s, {self.vocabulary.width} wide, frozen",
            "seeds": self.seeds,
            "seeds of contexts alone": self.further_seeds,
            "measured on": self._measured_on(self.sizes[-1]),
        }

    @property
    def reading_of_smallest(self) -> dict[str, Any]:
        """The same for what reads the smallest training set alone."""
        return self.reading | {"measured on": self._measured_on(self.sizes[0])}

    def _measured_on(self, documents: int) -> dict[str, int]:
        return {"tokens": documents * self.documents.length, "documents": documents, "seeds": len(self.seeds)}


def _hash(*arrays: np.ndarray) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(repr((array.shape, str(array.dtype))).encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
