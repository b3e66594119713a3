"""What a run computes, noted line by line in a file that survives it, and what its store says is finished."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from semphase.checked import read_checked
from semphase.science.cvfp.model.checkpoint import Checkpoints
from semphase.store import Store
from semphase.verdict.judge import Judge


def counting(log: Path) -> Callable[[], None]:
    """A patch for a child: entries that are measured, claims that are judged and iterations of trainings are noted.

    Checkpoints are written after each iteration.
    """

    def note(kind: str, what: object) -> None:
        os.write(written, f"{kind} {what}\n".encode())

    def patch() -> None:
        nonlocal written
        written = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        get, several, judged, write = Store.get, Store.several, Judge.__call__, Checkpoints.write

        def counted_get(self: Store, key: Any, measure: Any) -> Any:
            def counted() -> Any:
                note("entry", self.path(key).name)
                return measure()

            return get(self, key, counted)

        def counted_several(self: Store, keys: Any, measure: Any) -> Any:
            def counted(missing: Any) -> Any:
                for label, dataset in measure(missing):
                    note("entry", self.path(keys[label]).name)
                    yield label, dataset

            return several(self, keys, counted)

        def counted_judge(self: Judge, *args: Any, **kwargs: Any) -> Any:
            note("verdict", self.claim.id)
            return judged(self, *args, **kwargs)

        def counted_write(self: Checkpoints, phase: str, tensors: Any, facts: Any) -> None:
            note("iteration", f"{self.folder.name}/{phase.replace(' ', '-')}/{_done(facts)}")
            write(self, phase, tensors, facts)

        Store.get, Store.several = counted_get, counted_several
        Judge.__call__, Checkpoints.write = counted_judge, counted_write
        Checkpoints.due = lambda self, phase: True

    written = -1
    return patch


def noted(log: Path) -> Counter[str]:
    """What was computed, and how often."""
    return Counter(log.read_text().splitlines() if log.exists() else [])


def finished(store: Path) -> set[str]:
    """What a store says is finished, as it would be noted if it were computed again."""
    entries = {f"entry {path.name}" for path in store.glob("format-*/*/*.nc") if _whole(path)}
    kept = [read_checked(path) for path in store.glob("verdicts/*.json")]
    verdicts = {f"verdict {own['claim']}" for own in kept if own is not None}
    return entries | verdicts | {own for path in store.glob("format-*/*/*/*.safetensors") for own in _iterations(path)}


def _whole(path: Path) -> bool:
    told = path.with_suffix(".sha256")
    hidden = path.name.startswith(".")
    return not hidden and told.exists() and told.read_text() == hashlib.sha256(path.read_bytes()).hexdigest()


def _iterations(path: Path) -> set[str]:
    """Those up to a checkpoint."""
    if path.name.startswith("."):
        return set()
    try:
        with safe_open(path, "pt") as file:
            done = _done(json.loads(file.metadata()["facts"]))
    except (OSError, SafetensorError):
        return set()
    return {f"iteration {path.parent.name}/{path.stem}/{number}" for number in range(1, done + 1)}


def _done(facts: dict[str, Any]) -> int:
    """Iterations or epochs behind a training's state."""
    return max(len(next(own for own in record.values() if isinstance(own, list))) for record in facts["records"])
