"""Labelled arrays on disk: one NetCDF file for each measurement, named by the hash of its key.

A key says all that determines the numbers (weights, dtype, prompts, code version of the measurement), so an
entry never goes stale; it is only ever missing, whole, or damaged. Writes are atomic, and a lock for each key
keeps two workers from measuring the same thing.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
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
from semphase.files import atomically, sha256_of, try_out, write_atomically
from semphase.remarks import heard_by
from semphase.store import netcdf
from semphase.store.elsewhere import Elsewhere, all_of, cut

Key = Mapping[str, Any]
L = TypeVar("L")
FORMAT = 1
FULL = {errno.ENOSPC, errno.EDQUOT}
FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
LOCKLESS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}
"""Numbers of errors that say why a disk refuses."""
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

    `notices` collects what the reader of the report should know, `measuring` the time that a repetition need not take,
    `used` the entries that were read or written since somebody took note of them. What `elsewhere` takes is measured there,
    and written into the same folder.
    """

    root: Path
    notices: list[str] = field(default_factory=list)
    measuring: Stopwatch = field(default_factory=Stopwatch, repr=False)
    used: dict[Path, None] = field(default_factory=dict, repr=False)
    elsewhere: Elsewhere | None = field(default=None, repr=False)

    def get(self, key: Key, measure: Callable[[], xr.Dataset]) -> xr.Dataset:
        """The stored measurement for `key`; measured, written and read back when it is not there."""
        return self.later(key, measure)()

    def later(self, key: Key, measure: Callable[[], xr.Dataset]) -> Callable[[], xr.Dataset]:
        """What gives the stored measurement for `key`: measured now where that is here, else awaited when it is called."""
        path = self.path(key)
        self.used[path] = None
        with self._usable():
            found = _whole(path)
        if found is not None:
            return lambda: found
        if self.elsewhere is not None and HERE not in key:
            wait = self.elsewhere.sent(partial(self.get, key, measure), _named([path]))
            if wait is not None:
                return partial(self._arrived, wait, path)
        made = self._made(key, path, measure)
        return lambda: made

    def _made(self, key: Key, path: Path, measure: Callable[[], xr.Dataset]) -> xr.Dataset:
        with self._alone(Path(f"{path}.lock")):
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

        Whoever asks for the same labels waits until they are there. Elsewhere they are measured in slices; the first error
        is raised when all that can be measured has been.
        """
        paths = {label: self.path(key) for label, key in keys.items()}
        self.used.update(dict.fromkeys(paths.values()))
        together = hashlib.sha256("".join(sorted(map(str, paths.values()))).encode()).hexdigest()
        with self._usable():
            found = _there({label: _whole(path) for label, path in paths.items()})
        if self.elsewhere is not None:
            missing = {label: key for label, key in keys.items() if label not in found}
            found |= self._sent(self.elsewhere, missing, measure)
        if len(found) == len(keys):
            return {label: found[label] for label in keys}
        with self._alone(self.root / f"format-{FORMAT}" / f"{together[:32]}.several.lock"):
            with self._usable():
                found |= _there({label: self._read(path) for label, path in paths.items() if label not in found})
            with self.measuring.running(), heard_by(self.notices):
                for label, dataset in measure([label for label in keys if label not in found]):
                    with self._alone(Path(f"{paths[label]}.lock")), self._usable():
                        _write(paths[label], dataset.assign_attrs(key=canonical(keys[label])))
                    found[label] = dataset
        return {label: found[label] for label in keys}

    def _sent(
        self,
        elsewhere: Elsewhere,
        keys: Mapping[L, Key],
        measure: Callable[[list[L]], Iterator[tuple[L, xr.Dataset]]],
    ) -> dict[L, xr.Dataset]:
        """What was measured elsewhere, all but what cannot be sent there."""
        waits: dict[L, Callable[[], xr.Dataset]] = {}
        for own in cut(list(keys), elsewhere.units):
            paths = {label: self.path(keys[label]) for label in own}
            unit = partial(self.several, {label: keys[label] for label in own}, measure)
            wait = elsewhere.sent(unit, _named(list(paths.values())))
            if wait is None:
                break
            waits |= {label: partial(self._arrived, wait, path) for label, path in paths.items()}
        return all_of(waits)

    def _arrived(self, wait: Callable[[], None], path: Path) -> xr.Dataset:
        """An entry that is measured elsewhere, as soon as it is seen here."""
        with self.measuring.running():
            wait()
        end = time.monotonic() + PATIENCE
        while (found := _whole(path)) is None:
            if time.monotonic() > end:
                raise SemphaseError(
                    f"the store entry {path.name} was written elsewhere and is not seen in {self.root}; give --store a "
                    "folder that all machines share."
                )
            time.sleep(0.1)
        return found

    def take_used(self) -> list[Path]:
        """The entries that were used since the last call."""
        found = list(self.used)
        self.used.clear()
        return found

    def require_usable(self) -> None:
        """Raise `SemphaseError` when nothing can be kept here; better before an hour's measurement than after.

        A store of somebody else's that may only be read is good for what it holds; what it lacks is refused then.
        """
        with self._usable():
            try:
                self.root.mkdir(parents=True, exist_ok=True)
                try_out(self.root)
            except OSError as problem:
                if problem.errno not in FORBIDDEN or not os.access(self.root / f"format-{FORMAT}", os.R_OK | os.X_OK):
                    raise

    @contextmanager
    def _alone(self, lock: Path) -> Iterator[None]:
        """The block writes here while nobody else does."""
        with self._usable():
            lock.parent.mkdir(parents=True, exist_ok=True)
            held = FileLock(lock, mode=0o666)  # whoever may write here may lock
            held.acquire()
        try:
            yield
        finally:
            held.release()

    @contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except OSError as problem:
            # What h5py adds to it takes several lines.
            reason = os.strerror(problem.errno) if problem.errno else problem
            raise SemphaseError(f"the store {self.root} cannot be used ({reason}); {_way_out(problem)}.") from problem

    def path(self, key: Key) -> Path:
        """Where the entry for `key` lies, there or not."""
        digest = hashlib.sha256(canonical(key).encode()).hexdigest()
        return self.root / f"format-{FORMAT}" / str(key.get("measurement", "other")) / f"{digest[:32]}.nc"

    def _read(self, path: Path) -> xr.Dataset | None:
        """The entry, with a notice of one that is damaged; while nobody writes it."""
        found = _whole(path)
        if found is None and path.exists():
            self.notices.append(f"store entry {path.name} failed its checksum and was computed again.")
        return found


def canonical(key: Key) -> str:
    """The key as text: JSON with sorted names."""
    return json.dumps(key, sort_keys=True, ensure_ascii=False, default=str)


def _whole(path: Path) -> xr.Dataset | None:
    """The entry, whoever writes meanwhile; None where it is not there, not whole yet, or damaged."""
    checksum = path.with_suffix(".sha256")
    if not path.exists() or not checksum.exists() or checksum.read_bytes().strip() != sha256_of(path).encode():
        return None
    return netcdf.read(path)


def _named(paths: list[Path]) -> str:
    """A name of a unit: the measurement, and a hash of where its results lie."""
    return f"{paths[0].parent.name}-{hashlib.sha256(''.join(map(str, paths)).encode()).hexdigest()[:32]}"


def _there(read: Mapping[L, xr.Dataset | None]) -> dict[L, xr.Dataset]:
    return {label: dataset for label, dataset in read.items() if dataset is not None}


def _way_out(problem: OSError) -> str:
    """What helps against an error of the disk."""
    if "lock file" in str(problem):  # HDF5's words; it gives no number of its own
        return "set HDF5_USE_FILE_LOCKING=FALSE, since HDF5 cannot lock files there, or choose another with --store"
    ways = [
        (FULL, "free some space or choose another with --store"),
        (FORBIDDEN, "what it does not hold cannot be kept there, so choose another with --store"),
        (LOCKLESS, "files cannot be locked there, so choose one on a disk of this machine with --store"),
    ]
    return next((way for numbers, way in ways if problem.errno in numbers), "choose another with --store")


def _write(path: Path, dataset: xr.Dataset) -> None:
    # The checksum first: where a kill comes between, the entry is missing, or damaged if it was before; never whole.
    with atomically(path) as scratch:
        netcdf.write(scratch, dataset)
        write_atomically(path.with_suffix(".sha256"), sha256_of(scratch).encode())
