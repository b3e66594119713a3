"""What the parts of a study need of it; they stand below it and do not import it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

from semphase.data.corpus import Corpus
from semphase.measure.measurement import Measurement
from semphase.models import Model
from semphase.store import Store
from semphase.study.budget import Budget
from semphase.study.subject import Subject

F = TypeVar("F")
R = TypeVar("R")
Progress = Callable[[str, int | None], AbstractContextManager[Callable[[int], None]]]


class Owner(Protocol):
    """A study, seen from its parts."""

    corpus: Corpus
    budget: Budget
    store: Store
    memory: int | None

    @property
    def model(self) -> Model:
        """The model that is measured."""
        ...

    @property
    def tokenizing_model(self) -> Model:
        """The model by whose tokenizer texts are read."""
        ...

    @property
    def subject(self) -> Subject:
        """What names the model's numbers."""
        ...

    @property
    def label(self) -> str:
        """The model's name in the report."""
        ...

    @property
    def progress(self) -> Progress:
        """Shows how far a measurement is."""
        ...

    def choice(self, name: str) -> Any:
        """What a universe chose under a name; None where it is as registered."""
        ...

    def facet(self, kind: Callable[[Any], F]) -> F:
        """`kind(study)`, made once."""
        ...

    def measured(self, measurement: Measurement[..., R], data: Any = None, /, **parameters: Any) -> R:
        """`measurement(model, data, **parameters)`, made once and kept in the store."""
        ...
