"""Which samples the phenomena of a run declare, as far as its test files tell before they have run."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from semphase.plugin.workers import phenomena


def declared(modules: Iterable[ModuleType | None]) -> list[str]:
    """The samples of what some test files name of their phenomena, each by the first sentence of what makes it."""
    kinds = {
        kind: package for module in modules for package in phenomena(module) for kind in _sampling(module, package)
    }
    return sorted({f"{package.rpartition('.')[2]}: {_first_sentence(kind)}" for kind, package in kinds.items()})


def _sampling(module: ModuleType | None, package: str) -> Iterator[type]:
    """Classes with samples among those that the file names, in modules that it names, and beside the phenomenon's facet."""
    things = list(vars(module).values()) if module is not None else []
    # A named module may be one that is imported on first use.
    names = {thing.__name__ for thing in things if isinstance(thing, ModuleType)} | {f"{package}.samples"}
    own = [import_module(name) for name in sorted(names) if name.startswith(f"{package}.") and find_spec(name)]
    found = [*things, *(thing for each in own for thing in vars(each).values())]
    for kind in found:
        if inspect.isclass(kind) and kind.__module__.startswith(f"{package}.") and hasattr(kind, "samples"):
            yield kind


def _first_sentence(kind: type) -> str:
    told = inspect.getdoc(kind.samples) or kind.__name__  # type: ignore[attr-defined]
    return told.partition("\n")[0].partition("; ")[0].partition(". ")[0].rstrip(".")
