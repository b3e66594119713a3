"""How long claims that never ran here take at least: the passes that their phenomenon declares, at the device's speed.

A phenomenon declares them in a module `passes` beside its `facet`: `passes(group, layers, heads)` gives the passes through
the whole model over the whole text that the claims of a group take at the least, None for a group that it does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import pytest

from semphase.plugin.collect import claim_of, label_of, models_of
from semphase.plugin.session import Session
from semphase.plugin.workers import phenomena

Passes = Callable[[str, int, int], float | None]


@dataclass(frozen=True, slots=True)
class Size:
    """What the time of a pass depends on, and the heads and layers that passes are counted by."""

    layers: int
    heads: int
    seconds: float
    """Of one pass through the whole model over the whole text, were it nothing but large matrix products."""


class Sizes:
    """Bounds for the claims of some items; each model is opened once, when it is asked for, and let go."""

    def __init__(self, session: Session, items: Iterable[pytest.Item]) -> None:
        self.session = session
        self.models: dict[str, tuple[str, ...]] = {}
        self.passes: dict[str, Passes] = {}
        self._found: dict[str, Size | None] = {}
        for item in items:
            claim = claim_of(item)
            if claim is not None:
                self.models[label_of(item)] = models_of(item)
                self.passes.update((claim.group, own) for own in declared(getattr(item, "module", None)))

    def seconds(self, group: str, label: str) -> float | None:
        """What the group's claims take at least on the model of a label; None where nothing tells, and for several."""
        models, passes = self.models.get(label, ()), self.passes.get(group)
        if len(models) != 1 or passes is None:
            return None
        if label not in self._found:
            self._found[label] = self._size(models)
        size = self._found[label]
        found = None if size is None else passes(group, size.layers, size.heads)
        return None if size is None or found is None else found * size.seconds

    def _size(self, models: tuple[str, ...]) -> Size | None:
        from semphase.study import close_studies

        try:
            return size_of(self.session.open(models))
        except Exception:
            return None  # what is the matter with the model, its claims will say
        finally:
            close_studies()


def declared(module: ModuleType | None) -> list[Passes]:
    """What the phenomena of a test file declare."""
    names = [f"{package}.passes" for package in sorted(phenomena(module))]
    return [import_module(name).passes for name in names if find_spec(name) is not None]


def size_of(study: Any) -> Size:
    """The size of a study's model and text; a pass takes two operations for each weight that is multiplied and token.

    Where heads may be screened, products are those of the fastest way to do so, which reads out few tokens.
    """
    from semphase.measure.products.around import multiplied_bytes
    from semphase.measure.screening.ways import speedups, worth_screening
    from semphase.models.speed import products_per_second

    model, weights = study.model, multiplied_bytes(study.model) / study.model.dtype.itemsize
    speed = products_per_second(model.device, model.dtype)
    if worth_screening(model):
        speed *= max(1.0, *speedups(model).values())
    else:
        weights += model.anatomy.unembed.weight.numel()
    return Size(model.layers, model.heads, 2.0 * weights * study.text.tokens("both") / speed)
