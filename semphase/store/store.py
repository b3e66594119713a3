"""Labelled arrays on disk: one NetCDF file for each measurement, named by the hash of its key.

A key says all that determines the numbers (weights, dtype, prompts, code version of the measurement), so an
entry never goes stale; it is only ever missing, whole, or damaged. Writes are atomic, and a lock for each key
keeps two workers from measuring the same thing.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import xarray as xr
from filelock import FileLock

from semphase.errors import SemphaseError
from semphase.files import atomically, write_atomically
from semphase.remarks import heard_by
from semphase.store import netcdf

Key = Mapping[str, Any]
L = TypeVar("L")
FORMAT = 1


class Stopwatch:
    """Seconds during which anything measured; what measures inside another or beside it counts once."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._lock = threading.Lock()
        self._running = 0
        self._begun = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """The block measures."""
        with self._lock:
            self._running += 1
            if self._running == 1:
                self._begun = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1
                if self._running == 0:
                    self.seconds += time.monotonic() - self._begun


@dataclass(slots=True)
class Store:
    """A folder of measurements.

    `notices` collects what the reader of the report should know, `measuring` the time that a repetition need not take.
    """

    root: Path
    notices: list[str] = field(default_factory=list)
    measuring: Stopwatch = field(default_factory=Stopwatch, repr=False)

    def get(self, key: Key, measure: Callable[[], xr.Dataset]) -> xr.Dataset:
        """The stored measurement for `key`; measured, written and read back when it is not there."""
        path = self.path(key)
        with self._usable():
            path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):
            with self._usable():
                found = self._read(path)
            if found is not None:
                return found
            with self.measuring.running(), heard_by(self.notices):
                measured = measure().assign_attrs(key=canonical(key))
            with self._usable():
                _write(path, measured)
                written = self._read(path)
        assert written is not None
        return written

    def several(
        self, keys: Mapping[L, Key], measure: Callable[[list[L]], Iterator[tuple[L, xr.Dataset]]]
    ) -> dict[L, xr.Dataset]:
        """The stored measurement of each label; `measure` yields those that are not there, each written as it comes.

        Whoever asks for the same labels waits until they are there.
        """
        paths = {label: self.path(key) for label, key in keys.items()}
        together = hashlib.sha256("".join(sorted(map(str, paths.values()))).encode()).hexdigest()
        with self._usable():
            for path in paths.values():
                path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.root / f"format-{FORMAT}" / f"{together[:32]}.several.lock"):
            with self._usable():
                read = {label: self._read(path) for label, path in paths.items()}
            found = {label: dataset for label, dataset in read.items() if dataset is not None}
            with self.measuring.running(), heard_by(self.notices):
                for label, dataset in measure([label for label in keys if label not in found]):
                    with FileLock(f"{paths[label]}.lock"), self._usable():
                        _write(paths[label], dataset.assign_attrs(key=canonical(keys[label])))
                    found[label] = dataset
        return {label: found[label] for label in keys}

    def require_writable(self) -> None:
        """Raise `SemphaseError` when nothing can be kept here; better before an hour's measurement than after."""
        with self._usable():
            self.root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.root):
                pass

    @contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except OSError as problem:
            # What h5py adds to it takes several lines.
            reason = os.strerror(problem.errno) if problem.errno else problem
            raise SemphaseError(
                f"the store {self.root} cannot be used ({reason}); free some space or choose another with --store."
            ) from problem

    def path(self, key: Key) -> Path:
        """Where the entry for `key` lies, there or not."""
        digest = hashlib.sha256(canonical(key).encode()).hexdigest()
        return self.root / f"format-{FORMAT}" / str(key.get("measurement", "other")) / f"{digest[:32]}.nc"

    def _read(self, path: Path) -> xr.Dataset | None:
        checksum = path.with_suffix(".sha256")
        if not path.exists():
            return None
        if not checksum.exists() or checksum.read_bytes().strip() != _sha256(path).encode():
            self.notices.append(f"store entry {path.name} failed its checksum and was computed again.")
            return None
        return netcdf.read(path)


def canonical(key: Key) -> str:
    """The key as text: JSON with sorted names."""
    return json.dumps(key, sort_keys=True, ensure_ascii=False, default=str)


def _write(path: Path, dataset: xr.Dataset) -> None:
    # The checksum first: where a kill comes between, the entry is missing, or damaged if it was before; never whole.
    with atomically(path) as scratch:
        netcdf.write(scratch, dataset)
        write_atomically(path.with_suffix(".sha256"), _sha256(scratch).encode())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
