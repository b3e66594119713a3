"""What a worker calls for each unit, one at a time: a model can be measured by one thread only."""

from __future__ import annotations

import os
import platform
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass

import torch

from semphase.cluster.equal import own_versions, require_versions
from semphase.cluster.rebuilding import Kept
from semphase.errors import NotApplicable, SemphaseError, Undefined
from semphase.models.memory import NoRoom

_KEPT = Kept()
_ONE = threading.Lock()
REFUSALS = {kind.__name__: kind for kind in (SemphaseError, Undefined, NotApplicable)}


@dataclass(frozen=True)
class Outcome:
    """What a unit told: notices of the store, and the sentence with which it refused, if it did, by its class."""

    notices: tuple[str, ...] = ()
    refusal: tuple[str, str] | None = None

    def require(self) -> None:
        """Raise the refusal."""
        if self.refusal is not None:
            kind, sentence = self.refusal
            raise REFUSALS[kind](sentence)


def measure(content: bytes, described: Mapping[str, bytes], versions: Mapping[str, str]) -> Outcome:
    """Do the work of a unit; what it finds lies in the store then. `versions` are those of the client.

    A refusal is an outcome, since it would be the same elsewhere; any other error is raised, for the unit to be repeated.
    """
    with _ONE, ExitStack() as closing:
        try:
            require_versions(f"{platform.node()}:{os.getpid()}", versions, own_versions())
            unit = _KEPT.rebuilt(content, described, closing)
            unit()
            for store in _KEPT.stores.values():
                store.share_used()
        except (torch.OutOfMemoryError, NoRoom):  # what this worker keeps of other models may stand in the way
            _KEPT.forget()
            raise
        except (SemphaseError, NotApplicable) as refusal:
            return Outcome(_notices(), (_kind(refusal), str(refusal)))
    return Outcome(_notices())


def _kind(refusal: Exception) -> str:
    return next(kind.__name__ for kind in type(refusal).__mro__ if kind.__name__ in REFUSALS)


def _notices() -> tuple[str, ...]:
    """Those of the worker's stores since they were last asked for."""
    found = tuple(notice for store in _KEPT.stores.values() for notice in store.notices)
    for store in _KEPT.stores.values():
        store.notices.clear()
    return found
