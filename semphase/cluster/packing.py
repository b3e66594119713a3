"""A unit of work as bytes: models, studies and what belongs to them go by name, everything else by value.

Functions that a worker cannot import, such as those of claim files, go by value as well, as cloudpickle does it.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cache, lru_cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any, cast
from weakref import WeakKeyDictionary, WeakSet

import cloudpickle
import torch

from semphase.code import of_package
from semphase.code.places import of_project
from semphase.measure.measurement import Measurement
from semphase.measure.replay import Replay
from semphase.models import CATALOGUE, Model
from semphase.store import Store
from semphase.study.study import Study
from semphase.study.subject import Opened, Subject, Trained, Untrained
from semphase.study.text import LazyReplay

Name = tuple[Any, ...]
LEFT = {"store", "progress", "asked"}
"""What a worker's study has of its own."""


class Unsendable(Exception):
    """It holds what exists in this process alone; the message says what."""


@dataclass(frozen=True)
class Packed:
    """Bytes, and the descriptions of studies that they refer to, by token."""

    content: bytes
    needs: frozenset[str]


class Book:
    """The models that units may refer to, and the descriptions of studies that they did refer to, by token."""

    def __init__(self) -> None:
        self._subjects: WeakSet[Trained] = WeakSet()
        self.described: dict[str, bytes] = {}
        self._tokens: WeakKeyDictionary[Study, Packed] = WeakKeyDictionary()

    def add(self, subject: Subject) -> None:
        """Units may hold this model and its copies."""
        self._subjects.add(subject.parent if isinstance(subject, Untrained) else cast(Trained, subject))

    def packed(self, thing: Any) -> Packed:
        """Anything as bytes; Unsendable, with the reason, for what cannot leave this process."""
        _register_projects()
        into = io.BytesIO()
        packer = _Packer(into, self)
        try:
            packer.dump(thing)
        except (pickle.PicklingError, TypeError, AttributeError, RecursionError) as problem:
            raise Unsendable(" ".join(str(problem).split())) from problem
        return Packed(into.getvalue(), frozenset(packer.needs))

    def token(self, study: Study) -> Packed:
        """The token of a study as content, with those that its description refers to."""
        if study not in self._tokens:
            told = {field.name: getattr(study, field.name) for field in fields(study) if field.init}
            told = {name: own for name, own in told.items() if name not in LEFT}
            packed = self.packed((study.store, self.subject_name(study.subject), told | {"subject": None}))
            token = hashlib.sha256(packed.content).hexdigest()
            self.described[token] = packed.content
            self._tokens[study] = Packed(token.encode(), packed.needs | {token})
        return self._tokens[study]

    def subject_name(self, subject: Subject) -> Name:
        """How a worker finds the model: what it was opened as, the seed of a copy, its identity, the copies' memory."""
        parent = subject.parent if isinstance(subject, Untrained) else subject
        if not isinstance(parent, Trained) or parent.opened is None:
            raise Unsendable("a model that was not loaded by its name")
        seed = subject.seed if isinstance(subject, Untrained) else None
        return _opened(parent.opened, parent.model), seed, parent.identity, parent.memory

    def model_name(self, model: Model) -> Name:
        """The same for a model alone."""
        for subject in self._subjects:
            if subject.model is model:
                return self.subject_name(subject)
            for seed, copy in subject.copies.items():
                if copy is model:
                    return self.subject_name(Untrained(subject, seed))
        raise Unsendable(f"the model {model.name}, which was not loaded by its name")


class _Packer(cloudpickle.Pickler):
    def __init__(self, file: io.BytesIO, book: Book) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.book = book
        self.needs: set[str] = set()

    def persistent_id(self, thing: Any) -> Name | None:
        """The name of what does not go by value."""
        for kind, name in _NAMED:
            if isinstance(thing, kind):
                return name(self, thing)
        return _part(thing)

    def reducer_override(self, obj: Any) -> Any:
        """As cloudpickle does it, and local functions with a cache as functions with an empty one."""
        if isinstance(obj, _CACHED) and "<locals>" in obj.__qualname__:
            return _cached, (obj.__wrapped__, obj.cache_parameters())
        return super().reducer_override(obj)

    def study(self, study: Study) -> Name:
        found = self.book.token(study)
        self.needs |= found.needs
        return "study", found.content.decode()

    def subject(self, subject: Trained | Untrained) -> Name:
        return "subject", *self.book.subject_name(subject)

    def model(self, model: Model) -> Name:
        return "model", *self.book.model_name(model)

    def store(self, store: Store) -> Name:
        return "store", *store.place

    def measurement(self, own: Measurement) -> Name | None:
        function = own.function
        return ("named", f"{function.__module__}:{function.__qualname__}") if of_package(function) else None

    def replay(self, lazy: LazyReplay) -> Name:
        return "replay", id(lazy), lazy.make

    def tensor(self, tensor: torch.Tensor) -> Name | None:
        return None if tensor.device.type == "cpu" else ("tensor", tensor.cpu(), tensor.device.type)

    def never(self, thing: Any) -> Name:
        raise Unsendable(f"a {type(thing).__name__}, which holds a model's weights")


_NAMED: tuple[tuple[type | tuple[type, ...], Callable[[_Packer, Any], Name | None]], ...] = (
    (Study, _Packer.study),
    ((Trained, Untrained), _Packer.subject),
    (Model, _Packer.model),
    (Store, _Packer.store),
    (Measurement, _Packer.measurement),
    (LazyReplay, _Packer.replay),
    (torch.Tensor, _Packer.tensor),
    ((Replay, torch.nn.Module), _Packer.never),
)


_CACHED = type(cache(lambda: None))


def _cached(function: Callable[..., Any], parameters: dict[str, Any]) -> Any:
    return lru_cache(**parameters)(function)


def _part(thing: Any) -> Name | None:
    """A facet of a study, or its text, by the study; None for anything else."""
    own = getattr(thing, "__dict__", None)
    study = own.get("study") if isinstance(own, dict) else None
    if not isinstance(study, Study):
        return None
    if vars(study).get("text") is thing:
        return "text", study
    return next((("facet", study, kind) for kind, facet in study.facets.items() if facet is thing), None)


def _opened(opened: Opened, model: Model) -> Opened:
    """As a worker loads it: a path that holds there, and whichever device of the kind it has."""
    path = Path(opened.name).expanduser()
    name = str(path.absolute()) if path.exists() and opened.name not in CATALOGUE else opened.name
    return replace(opened, name=name, device=model.device.type)


def _register_projects() -> None:
    """Have functions of the project's modules go by value, since no worker needs to have its files."""
    for name, module in list(sys.modules.items()):
        if name not in _SEEN and name != "__main__" and getattr(module, "__name__", None) == name:
            _SEEN.add(name)
            if of_project(name) and name.partition(".")[0] not in _distributed():
                cloudpickle.register_pickle_by_value(module)


_SEEN: set[str] = set()


@cache
def _distributed() -> frozenset[str]:
    """What packages bring, wherever they are installed: clusters often have them on PYTHONPATH."""
    return frozenset(packages_distributions())
