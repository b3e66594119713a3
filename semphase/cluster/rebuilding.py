"""On a worker: from the names in a unit to the studies and models that they stand for, loaded once and kept."""

from __future__ import annotations

import io
import pickle
import pkgutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from semphase.cluster.stores import store_at
from semphase.errors import SemphaseError
from semphase.models import load, require_precision
from semphase.store import Store
from semphase.study.study import Study
from semphase.study.subject import Opened, Subject, Trained, Untrained
from semphase.study.text import LazyReplay, Reading

T = TypeVar("T")
MODELS = 2
"""Loaded models that a worker keeps; those of several clients may take turns."""
STUDIES = 32


@dataclass
class Kept:
    """What a worker keeps from unit to unit, the latest last."""

    models: dict[Opened, Trained] = field(default_factory=dict)
    studies: dict[str, Study] = field(default_factory=dict)
    stores: dict[tuple[Path, str], Store] = field(default_factory=dict)

    def rebuilt(self, content: bytes, described: Mapping[str, bytes], closing: ExitStack) -> Any:
        """What was packed; replays that are made on its behalf end with `closing`."""
        return _Unpacker(content, self, described, closing).load()

    def study(self, token: str, described: Mapping[str, bytes]) -> Study:
        """The study of a token, made from its description where it is not kept."""

        def make() -> Study:
            with ExitStack() as closing:
                store, subject, told = self.rebuilt(described[token], described, closing)
            return Study(**told | {"subject": self.subject(*subject), "store": store})

        return _kept(self.studies, token, make, STUDIES)

    def subject(self, opened: Opened, seed: int | None, identity: Mapping[str, Any], memory: int) -> Subject:
        """The model that a client named, loaded where it is not kept; SemphaseError where it is another one here."""
        if opened not in self.models:
            self.forget(MODELS - 1)
        trained = _kept(self.models, opened, lambda: _loaded(opened), MODELS)
        trained.memory = memory
        others = [name for name, own in trained.identity.items() if own != identity[name]]
        if others:
            raise SemphaseError(
                f"the model {opened.name} has other {' and '.join(others)} on a worker than where pytest runs; give a "
                "name or a path that means the same on all machines."
            )
        return trained if seed is None else Untrained(trained, seed)

    def store(self, root: Path, url: str) -> Store:
        """The store in a folder that all share; for that of a URL each machine has a folder of its own."""
        return _kept(self.stores, (root, url), lambda: store_at(root, url), STUDIES)

    def forget(self, models: int = 0) -> None:
        """Let go of all models but the latest, and of the studies, which hold them."""
        for opened in list(self.models)[: max(0, len(self.models) - models)]:
            del self.models[opened]
            self.studies.clear()


class _Unpacker(pickle.Unpickler):
    def __init__(self, content: bytes, kept: Kept, described: Mapping[str, bytes], closing: ExitStack) -> None:
        super().__init__(io.BytesIO(content))
        self.kept = kept
        self.described = described
        self.closing = closing
        self.replays: dict[int, LazyReplay] = {}

    def persistent_load(self, name: Any) -> Any:
        kind, *told = name
        found: Any = getattr(self, f"_{kind}")(*told)
        return found

    def _study(self, token: str) -> Study:
        return self.kept.study(token, self.described)

    def _text(self, study: Study) -> Reading:
        return study.text

    def _facet(self, study: Study, kind: Callable[[Study], Any]) -> Any:
        return study.facet(kind)

    def _subject(self, *named: Any) -> Subject:
        return self.kept.subject(*named)

    def _model(self, *named: Any) -> Any:
        return self.kept.subject(*named).model

    def _store(self, root: Path, url: str) -> Store:
        return self.kept.store(root, url)

    def _named(self, name: str) -> Any:
        return pkgutil.resolve_name(name)

    def _tensor(self, tensor: Any, device: str) -> Any:
        return tensor.to(device)

    def _replay(self, number: int, make: Callable[[], Any]) -> LazyReplay:
        if number not in self.replays:
            self.replays[number] = self.closing.enter_context(LazyReplay(make))
        return self.replays[number]


def _loaded(opened: Opened) -> Trained:
    model = load(opened.name, device=opened.device, dtype=opened.dtype, bos=opened.bos)
    for device in model.devices:
        require_precision(device, model.dtype, opened.dtype)
    return Trained(model, opened=opened)


def _kept(found: dict[Any, T], key: Any, make: Callable[[], T], most: int) -> T:
    """What lies under a key, made where it is not there; the key moves to the end, and the first of too many leaves."""
    own = found.pop(key) if key in found else make()
    found[key] = own
    while len(found) > most:
        del found[next(iter(found))]
    return own
