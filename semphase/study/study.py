"""A study: one model with its data, budget, seed and store; phenomena measure on it as facets."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from semphase.data.corpus import Corpus
from semphase.data.lexicon import Lexicon
from semphase.measure.measurement import Measurement
from semphase.models import Model
from semphase.store import Store
from semphase.study.budget import Budget
from semphase.study.description import provenance
from semphase.study.generators import generator
from semphase.study.measuring import measured
from semphase.study.sample import Sampled
from semphase.study.subject import COPIES, Subject, Trained, Untrained
from semphase.study.text import Reading

F = TypeVar("F")
R = TypeVar("R")
Advance = Callable[[int], None]
Progress = Callable[[str, int | None], AbstractContextManager[Advance]]


def _silent(_label: str, _total: int | None) -> AbstractContextManager[Advance]:
    return nullcontext(lambda _: None)


@dataclass(eq=False)
class Study:
    """One model, lexicon, corpus, budget, seed and store; what is measured on it comes from the store when it is there."""

    subject: Subject
    lexicon: Lexicon
    corpus: Corpus
    budget: Budget
    seed: int
    store: Store
    progress: Progress = field(default=_silent, repr=False)
    memory: int | None = None
    _facets: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)

    @property
    def model(self) -> Model:
        """The model under study."""
        return self.subject.model

    @property
    def models(self) -> tuple[Model, ...]:
        """The model, as the models of a joint study."""
        return (self.model,)

    @property
    def dtype(self) -> str:
        """The model's floating-point type, such as "float32"."""
        return str(self.tokenizing_model.dtype).removeprefix("torch.")

    @property
    def label(self) -> str:
        """The model's name in the report."""
        return self.model.name

    def provenance(self) -> dict[str, Any]:
        """What the report says about where the numbers come from."""
        return provenance(self.models, self.corpus, self.lexicon, self.store.notices)

    @property
    def each(self) -> tuple[Study, ...]:
        """The studies of the single models: this one."""
        return (self,)

    @cached_property
    def untrained(self) -> tuple[Study, ...]:
        """The same study of five untrained copies, seeds 0–4, with fewer draws; the control of most claims."""
        parent = self.subject
        assert isinstance(parent, Trained)
        budget = replace(self.budget, draws=self.budget.control_draws)
        return tuple(replace(self, subject=Untrained(parent, seed), budget=budget) for seed in range(COPIES))

    def facet(self, kind: Callable[[Study], F]) -> F:
        """`kind(study)`, made once: the measurements of one phenomenon, yours or one of `semphase.science`."""
        if kind not in self._facets:
            self._facets[kind] = kind(self)
        found: F = self._facets[kind]
        return found

    def measured(self, measurement: Measurement[..., R], data: Any = None, /, **parameters: Any) -> R:
        """`measurement(model, data, **parameters)`, made once and kept in the store; tensors come back as arrays.

        `data` are Prompts, token arrays, a Corpus, a Lexicon, another Model, a sequence of these, or None. The key
        holds the measurement's name, version, parameters and, outside semphase, its code; the model; the data.
        Raises SemphaseError for a function that is no measurement or captures values, for parameters that it does not
        take or that no key can hold, and for a result that is no array.
        """
        found: R = measured(self, measurement, data, parameters)
        return found

    @property
    def sampled(self) -> tuple[str, ...]:
        """The facets made so far that declare samples for `--verify`, as "module:class"."""
        kinds = (type(facet) for facet in self._facets.values() if isinstance(facet, Sampled))
        return tuple(f"{kind.__module__}:{kind.__qualname__}" for kind in kinds)

    @cached_property
    def text(self) -> Reading:
        """The corpus as chunks, and losses on it."""
        return Reading(self)

    def rng(self, purpose: str) -> np.random.Generator:
        """A generator of the study's seed for one purpose."""
        return generator(self.seed, purpose)

    @property
    def tokenizing_model(self) -> Model:
        """The model by whose tokenizer texts are read."""
        # A copy tokenises as its parent does; its weights need not be built for that.
        return self.subject.parent.model if isinstance(self.subject, Untrained) else self.subject.model
