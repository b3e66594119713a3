"""Labelled arrays on disk: one NetCDF file for each measurement, named by the hash of its key.

A key says all that determines the numbers (weights, dtype, prompts, code version of the measurement), so an
entry never goes stale; it is only ever missing, whole, or damaged. Writes are atomic, and a lock for each key
keeps two workers from measuring the same thing.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import xarray as xr
from filelock import FileLock

from semphase.errors import SemphaseError
from semphase.files import atomically, write_atomically
from semphase.store import netcdf
from semphase.store.elsewhere import Elsewhere, all_of, cut

Key = Mapping[str, Any]
L = TypeVar("L")
FORMAT = 1
HERE = "hardware"
"""A key with this name is of a time taken on this machine, which no other can take."""
PATIENCE = 90.0
"""Seconds until a file that another machine wrote must be seen here; network file systems remember what was not there."""


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
    What `elsewhere` takes is measured there, and written into the same folder.
    """

    root: Path
    notices: list[str] = field(default_factory=list)
    measuring: Stopwatch = field(default_factory=Stopwatch, repr=False)
    elsewhere: Elsewhere | None = field(default=None, repr=False)

    def get(self, key: Key, measure: Callable[[], xr.Dataset]) -> xr.Dataset:
        """The stored measurement for `key`; measured, written and read back when it is not there."""
        return self.later(key, measure)()

    def later(self, key: Key, measure: Callable[[], xr.Dataset]) -> Callable[[], xr.Dataset]:
        """What gives the stored measurement for `key`: measured now where that is here, else awaited when it is called."""
        path = self.path(key)
        if self.elsewhere is not None and HERE not in key:
            with self._usable():
                there = self._read(path)
            if there is not None:
                return lambda: there
            wait = self.elsewhere.sent(partial(self.get, key, measure), self._named([path]))
            if wait is not None:
                return partial(self._arrived, wait, path)
        found = self._got(key, path, measure)
        return lambda: found

    def _got(self, key: Key, path: Path, measure: Callable[[], xr.Dataset]) -> xr.Dataset:
        with self._usable():
            path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):
            with self._usable():
                found = self._read(path)
            if found is not None:
                return found
            with self.measuring.running():
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

        Whoever asks for the same labels waits until they are there. Elsewhere they are measured in slices; the first error
        is raised when all that can be measured has been.
        """
        paths = {label: self.path(key) for label, key in keys.items()}
        if self.elsewhere is not None:
            self._send(self.elsewhere, keys, paths, measure)
        together = hashlib.sha256("".join(sorted(map(str, paths.values()))).encode()).hexdigest()
        with self._usable():
            for path in paths.values():
                path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.root / f"format-{FORMAT}" / f"{together[:32]}.several.lock"):
            with self._usable():
                read = {label: self._read(path) for label, path in paths.items()}
            found = {label: dataset for label, dataset in read.items() if dataset is not None}
            with self.measuring.running():
                for label, dataset in measure([label for label in keys if label not in found]):
                    with FileLock(f"{paths[label]}.lock"), self._usable():
                        _write(paths[label], dataset.assign_attrs(key=canonical(keys[label])))
                    found[label] = dataset
        return {label: found[label] for label in keys}

    def _send(
        self,
        elsewhere: Elsewhere,
        keys: Mapping[L, Key],
        paths: Mapping[L, Path],
        measure: Callable[[list[L]], Iterator[tuple[L, xr.Dataset]]],
    ) -> None:
        """Have those that are not there measured elsewhere; what cannot be sent is still missing then."""
        with self._usable():
            missing = [label for label, path in paths.items() if self._read(path) is None]
        waits = []
        for own in cut(missing, elsewhere.units):
            unit = partial(self.several, {label: keys[label] for label in own}, measure)
            wait = elsewhere.sent(unit, self._named([paths[label] for label in own]))
            if wait is None:
                break
            waits += [partial(self._arrived, wait, paths[label]) for label in own]
        all_of(waits)

    def _arrived(self, wait: Callable[[], None], path: Path) -> xr.Dataset:
        """An entry that is measured elsewhere, as soon as it is seen here."""
        with self.measuring.running():
            wait()
        end = time.monotonic() + PATIENCE
        while (found := self._read(path)) is None:
            if time.monotonic() > end:
                raise SemphaseError(
                    f"the store entry {path.name} was written elsewhere and is not seen in {self.root}; give --store a "
                    "folder that all machines share."
                )
            time.sleep(0.1)
        return found

    @staticmethod
    def _named(paths: list[Path]) -> str:
        """A name of a unit: the measurement, and a hash of where its results lie."""
        return f"{paths[0].parent.name}-{hashlib.sha256(''.join(map(str, paths)).encode()).hexdigest()[:32]}"

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
            raise SemphaseError(
                f"the store {self.root} cannot be used ({problem}); free some space or choose another with --store."
            ) from problem

    def path(self, key: Key) -> Path:
        """Where the entry for `key` lies, there or not."""
        digest = hashlib.sha256(canonical(key).encode()).hexdigest()
        return self.root / f"format-{FORMAT}" / str(key.get("measurement", "other")) / f"{digest[:32]}.nc"

    def _read(self, path: Path) -> xr.Dataset | None:
        checksum = path.with_suffix(".sha256")
        if not path.exists():
            return None
        if not checksum.exists() or checksum.read_text().strip() != _sha256(path):
            self.notices.append(f"store entry {path.name} failed its checksum and was computed again.")
            return None
        return netcdf.read(path)


def canonical(key: Key) -> str:
    """The key as text: JSON with sorted names."""
    return json.dumps(key, sort_keys=True, ensure_ascii=False, default=str)


def _write(path: Path, dataset: xr.Dataset) -> None:
    # Data first: an entry without its checksum counts as damaged, never as whole.
    with atomically(path) as scratch:
        netcdf.write(scratch, dataset)
        checksum = _sha256(scratch)
    write_atomically(path.with_suffix(".sha256"), checksum.encode())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
