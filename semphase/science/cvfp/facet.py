"""The CVFP language model on a study's embedding and text: grids of trainings, each kept in the store (003, 004).

All sizes share one output layer: the types of the largest training set and of the validation documents. "Shuffled"
permutes the tokens within the training documents of a size and leaves the validation documents as they are, so that
nothing but the frequencies of words can be learned; "reservoir" leaves the context block as it starts; "bigram" sees no
context.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Int

from semphase.data.corpus.documents import Documents, in_documents
from semphase.machine import hardware
from semphase.measure.measurement import installed
from semphase.science.cvfp.grids import Grid, Measured, Text, Training, differing_in_seed
from semphase.science.cvfp.model import (
    Configuration,
    Recipe,
    Vocabulary,
    agreement,
    cache_times,
    train,
    vocabulary_of,
    with_normalised_head,
    with_unit_rows,
)
from semphase.science.cvfp.model.checkpoint import begun, clear_finished, folder_of
from semphase.science.cvfp.processes import Train, processes_for, trainers
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
PROTOCOL = ("start", "carried")
"""Constants of phase 1 that a universe may choose otherwise; it trains contexts alone."""
VOCABULARY = ("inputs", "head")
KEPT: Mapping[str, slice] = {"without the smallest": slice(1, None), "without the largest": slice(None, -1)}
"""The sizes that are left."""
REPEATS = 9
"""Fixed before any time was taken; the interval of a ratio of times lies between two of them."""


@dataclass(eq=False)
class Cvfp:
    """Every training that a claim asks for, done once; in a universe that changes none, those of the registered study."""

    study: Study
    _found: dict[Grid, Sequence[xr.Dataset]] = field(default_factory=dict, repr=False)
    _measured: dict[Grid, Measured] = field(default_factory=dict, repr=False)
    _train: Train | None = field(default=None, repr=False)

    @property
    def spending(self) -> Sizes:
        """How much the study's budget allows."""
        return SIZES.get(self.study.budget.name, Sizes())

    @cached_property
    def documents(self) -> Documents:
        """Training and validation documents; SemphaseError where the corpus has too few."""
        if self._same_text is not None:
            return self._same_text.documents
        study, asked = self.study, self.spending
        counts = max(asked.documents), asked.validation_documents, asked.document_tokens
        return in_documents(study.tokens, *counts, name=f"the corpus {study.corpus.name}")

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The frozen embedding and the output layer, of the types in all documents."""
        if self.registered is not None:
            return self.registered.vocabulary
        documents = self.documents
        made = vocabulary_of(self.study.model, documents.training, documents.validation)
        if self.study.choice("inputs") == "unit length":
            made = with_unit_rows(made)
        return with_normalised_head(made) if self.study.choice("head") == "normalised" else made

    @property
    def _same_text(self) -> Cvfp | None:
        """Those of the study that this one is a variant of, where both read the same documents with the same seed."""
        own, base = self.study, self.study.base
        same = base is not None and (own.corpus, own.seed, own.budget) == (base.corpus, base.seed, base.budget)
        return base.facet(Cvfp) if base is not None and same else None

    @property
    def registered(self) -> Cvfp | None:
        """The same where both read it from the same embedding: whatever one trains the other has."""
        return None if any(map(self.study.choice, VOCABULARY)) else self._same_text

    @property
    def recipe(self) -> Recipe:
        """The protocol, with what a universe chose of it."""
        chosen = {name: self.study.choice(name) for name in PROTOCOL}
        return Recipe(**{name: own for name, own in chosen.items() if own is not None})

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
        """The source's nine configurations at all sizes; at the largest alone where settled contexts are asked for."""
        if self.study.choice("contexts") == "settled":
            return self.measured("settled contexts", self.sizes[-1:], self.seeds, kind="settled")
        return self._of_protocol("matrix", self.sizes, self.seeds)

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
        further = self.measured(
            f"contexts, {text}", self.sizes, self.further_seeds, kind="contexts", text=text, recipe=self.recipe
        )
        return self.shuffled if text == "shuffled" else self.matrix, further

    @property
    def bigram(self) -> Measured:
        """One layer, one token without any context."""
        return self.measured("bigram", self.sizes, self.seeds, kind="bigram", layers=(1,), tokens=(1,))

    @property
    def first_only(self) -> Measured:
        """The token fed to the first layer only, at the two largest sizes."""
        return self._of_protocol("token in the first layer", self.sizes[-2:], self.seeds, **DEEP_FIRST)

    @property
    def first_only_reservoir(self) -> Measured:
        """The same untrained, at the largest size."""
        return self.measured(
            "reservoir, token in the first layer", self.sizes[-1:], self.seeds, kind="reservoir", **DEEP_FIRST
        )

    @property
    def patient(self) -> Measured:
        """The token fed to the first layer only, which 004 saw stop early, with more patience."""
        recipe = Recipe(patience=self.study.choice("patience") or PATIENCE)
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
        """A grid's trainings, those done that the store lacks; without the sizes that a universe leaves out."""
        grid = Grid(name, sizes, seeds, **shape)
        if grid not in self._measured:
            made = Measured(grid, self.found(grid), self.documents.length, self.study.choice)
            left_out = self.study.choice("sizes")
            self._measured[grid] = made.at_sizes(KEPT[left_out]) if left_out else made
        return self._measured[grid]

    def _of_protocol(self, name: str, sizes: tuple[int, ...], seeds: tuple[int, ...], **shape: Any) -> Measured:
        """`measured`; where a universe chose otherwise for phase 1, its contexts alone."""
        if self.recipe == Recipe():
            return self.measured(name, sizes, seeds, **shape)
        return self.measured(f"{name}, contexts", sizes, seeds, kind="contexts", recipe=self.recipe, **shape)

    # Trainings

    def found(self, grid: Grid) -> Sequence[xr.Dataset]:
        """What a grid's trainings gave, in the order of its shape."""
        if self.registered is not None:
            return self.registered.found(grid)
        if grid not in self._found:
            self._found[grid] = self._all(grid.name, grid.trainings(self.vocabulary.width))
        return self._found[grid]

    def _all(self, name: str, trainings: Sequence[Training]) -> list[xr.Dataset]:
        stacks = differing_in_seed(trainings)
        missing = {own: not self.study.store.path(self._key(own)).exists() for own in trainings}
        unfinished = [stack for stack in stacks if any(missing[own] for own in stack)]
        found: dict[Training, xr.Dataset] = {}
        if unfinished:
            count = sum(missing.values())
            label = f"{count} CVFP trainings of {self.study.label} ({name}), in documents"
            with self.study.progress(label, sum(own.documents for own in trainings if missing[own])) as advance:

                def done(stack: Sequence[Training]) -> None:
                    advance(sum(own.documents for own in stack if missing[own]))

                for made in self._together(unfinished, done):
                    found |= made
        for stack in stacks:
            if stack not in unfinished:
                found |= self.trained(stack)
        return [found[own] for own in trainings]

    def _together(
        self, stacks: Sequence[Sequence[Training]], done: Callable[[Sequence[Training]], None]
    ) -> list[dict[Training, xr.Dataset]]:
        """`trained` of each: on a CPU in threads, on a GPU in processes, elsewhere where there are machines for it."""
        width, device = self.vocabulary.width, self.vocabulary.rows.device
        count = min(processes_for(device), len(stacks)) if self.study.store.elsewhere is None else 1
        if count == 1:
            return each_of(stacks, self.trained, workers_for(width, device), done)
        with trainers(count, device) as self._train:
            try:
                return each_of(stacks, self.trained, count, done)
            finally:
                self._train = None

    def trained(self, stack: Sequence[Training]) -> dict[Training, xr.Dataset]:
        """What trainings that differ in their seed gave; those that the store lacks are made now, side by side.

        They resume from the checkpoints of such that were killed, which stay until all that were made together are kept.
        """
        place = self.study.store.path(self._key(replace(stack[0], seed=0))).with_suffix("")

        def measure(missing: Sequence[Training]) -> Iterator[tuple[Training, xr.Dataset]]:
            if not missing:
                return
            own, wanted = missing[0], {each.seed: each for each in missing}
            seeds = begun(place, list(wanted))
            made = (self._train or train)(
                own.configuration, own.recipe, self.vocabulary, *self.split(own),
                seeds=seeds, kind=own.kind, folder=folder_of(place, seeds),
            )  # fmt: skip
            yield from ((wanted[seed], each) for seed, each in zip(seeds, made, strict=True) if seed in wanted)
            clear_finished(place, set(seeds))

        found = self.study.store.several({own: self._key(own) for own in stack}, measure)
        clear_finished(place, {own.seed for own in stack})
        return found

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
            "recipe": _told(own.recipe),
            "seed": own.seed,
            "kind": own.kind,
        }

    def _common(self, measurement: str) -> dict[str, Any]:
        vocabulary = self.vocabulary
        chosen = {name: self.study.choice(name) for name in VOCABULARY if self.study.choice(name)}
        return chosen | {
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
            "recipe": _told(self.recipe),
            "seed": seed,
        }
        with self.study.progress(f"sequential CVFP contexts of {self.study.label}", 1) as advance:
            found = self.study.store.get(
                key, lambda: agreement(self.deep, self.recipe, self.vocabulary, training, seed)
            )
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


def _told(recipe: Recipe) -> dict[str, Any]:
    """A recipe for a key; what was fixed once and is a choice now, only where it is not as it was."""
    told = asdict(recipe)
    if recipe.carried == Recipe().carried:
        del told["carried"]
    return told


def _hash(*arrays: np.ndarray) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(repr((array.shape, str(array.dtype))).encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
