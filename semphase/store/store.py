"""Labelled arrays on disk: one NetCDF file for each measurement, named by the hash of its key.

A key says all that determines the numbers (weights, dtype, prompts, code version of the measurement), so an
entry never goes stale; it is only ever missing, whole, or damaged. Writes are atomic, and a lock for each key
keeps two workers from measuring the same thing.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import xarray as xr
from filelock import FileLock

from semphase.errors import SemphaseError
from semphase.files import try_out
from semphase.remarks import heard_by
from semphase.store.elsewhere import Elsewhere, all_of, cut
from semphase.store.entry import FORBIDDEN, way_out, whole, write
from semphase.store.lease import Lease
from semphase.store.remote import Remote
from semphase.store.stopwatch import Stopwatch

Key = Mapping[str, Any]
L = TypeVar("L")
FORMAT = 1
HERE = "hardware"
"""A key with this name is of a time taken on this machine, which no other can take."""
ONE = "one"
PATIENCE = 90.0
"""Seconds until a file that another machine wrote must be seen here; network file systems remember what was not there."""


@dataclass(slots=True)
class Store:
    """A folder of measurements.

    `notices` collects what the reader of the report should know, `measuring` the time that a repetition need not take,
    `used` the entries that were read or written since somebody took note of them. What `elsewhere` takes is measured there,
    and written into the same folder. What a `remote` place has is brought here when it is asked for, what is measured goes
    to both.
    """

    root: Path
    notices: list[str] = field(default_factory=list)
    measuring: Stopwatch = field(default_factory=Stopwatch, repr=False)
    used: dict[Path, None] = field(default_factory=dict, repr=False)
    elsewhere: Elsewhere | None = field(default=None, repr=False)
    remote: Remote | None = None

    @property
    def place(self) -> tuple[Path, str]:
        """What another process opens the same store by: the folder, and the URL of the remote place, or nothing."""
        return self.root.absolute(), self.remote.url if self.remote else ""

    @property
    def told(self) -> str:
        """How a sentence names it."""
        return self.place[1] or str(self.root)

    def get(self, key: Key, measure: Callable[[], xr.Dataset]) -> xr.Dataset:
        """The stored measurement for `key`; measured, written and read back when it is not there."""
        return self.later(key, measure)()

    def later(self, key: Key, measure: Callable[[], xr.Dataset]) -> Callable[[], xr.Dataset]:
        """What gives the stored measurement for `key`: measured now where that is here, else awaited when it is called."""
        path = self.path(key)
        self.used[path] = None
        found = self._look({ONE: path})
        if found:
            return lambda: found[ONE]
        if self.elsewhere is not None and HERE not in key:
            wait = self.elsewhere.sent(partial(self.get, key, measure), self._named([path]))
            if wait is not None:
                return partial(self._arrived, wait, path)
        made = self._made(key, path, measure)
        return lambda: made

    def _made(self, key: Key, path: Path, measure: Callable[[], xr.Dataset]) -> xr.Dataset:
        with self._alone(Path(f"{path}.lock")):
            found = self._read({ONE: path})
            if found:
                return found[ONE]
            with self.measuring.running(), heard_by(self.notices):
                measured = measure().assign_attrs(key=canonical(key))
            self._write(path, measured)
            with self._usable():
                written = whole(path)
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
        found = self._look(paths)
        if self.elsewhere is not None:
            missing = {label: key for label, key in keys.items() if label not in found}
            found |= self._sent(self.elsewhere, missing, measure)
        if len(found) == len(keys):
            return {label: found[label] for label in keys}
        together = hashlib.sha256("".join(sorted(map(self._name, paths.values()))).encode()).hexdigest()
        with self._alone(self.root / f"format-{FORMAT}" / f"{together[:32]}.several.lock"):
            found |= self._read({label: path for label, path in paths.items() if label not in found})
            with self.measuring.running(), heard_by(self.notices):
                for label, dataset in measure([label for label in keys if label not in found]):
                    with self._alone(Path(f"{paths[label]}.lock")):
                        self._write(paths[label], dataset.assign_attrs(key=canonical(keys[label])))
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
            wait = elsewhere.sent(unit, self._named(list(paths.values())))
            if wait is None:
                break
            waits |= {label: partial(self._arrived, wait, path) for label, path in paths.items()}
        return all_of(waits)

    def _arrived(self, wait: Callable[[], None], path: Path) -> xr.Dataset:
        """An entry that is measured elsewhere, as soon as it is seen here."""
        with self.measuring.running():
            wait()
        end = time.monotonic() + PATIENCE
        while not (found := self._look({ONE: path})):
            if time.monotonic() > end:
                raise SemphaseError(
                    f"the store entry {path.name} was written elsewhere and is not seen in {self.told}; "
                    "give --store a folder that all machines share, or a URL."
                )
            time.sleep(0.1)
        return found[ONE]

    def take_used(self) -> list[Path]:
        """The entries that were used since the last call."""
        found = list(self.used)
        self.used.clear()
        return found

    def share_used(self) -> None:
        """Put the entries that were used since the last call at the remote place, as far as it lacks them."""
        used = self.take_used()
        if self.remote is not None:
            self.remote.complete((self._name(path), path) for path in used if path.exists())

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
        if self.remote is not None:
            self.remote.require_usable()

    @contextmanager
    def _alone(self, lock: Path) -> Iterator[None]:
        """The block writes here while nobody else does."""
        with self._usable():
            lock.parent.mkdir(parents=True, exist_ok=True)
            held = FileLock(lock, mode=0o666)  # whoever may write here may lock
            held.acquire()
        try:
            with Lease(self.remote, self._name(lock)).held() if self.remote else nullcontext():
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
            raise SemphaseError(f"the store {self.root} cannot be used ({reason}); {way_out(problem)}.") from problem

    def path(self, key: Key) -> Path:
        """Where the entry for `key` lies, there or not."""
        digest = hashlib.sha256(canonical(key).encode()).hexdigest()
        return self.root / f"format-{FORMAT}" / str(key.get("measurement", "other")) / f"{digest[:32]}.nc"

    def _name(self, path: Path) -> str:
        """By what a file of the store goes, wherever the store lies."""
        return path.relative_to(self.root).as_posix()

    def _named(self, paths: list[Path]) -> str:
        """A name of a unit: the measurement, and a hash of where its results lie."""
        told = json.dumps([str(self.place), *map(self._name, paths)])
        return f"{paths[0].parent.name}-{hashlib.sha256(told.encode()).hexdigest()[:32]}"

    def _look(self, paths: Mapping[L, Path]) -> dict[L, xr.Dataset]:
        """The entries that are whole, whoever writes meanwhile; those at the remote place alone are brought here."""
        with self._usable():
            found = _whole(paths)
            missing = {label: path for label, path in paths.items() if label not in found}
            if self.remote is not None and missing:
                self.remote.bring((self._name(path), path) for path in missing.values())
                found |= _whole(missing)
        return found

    def _read(self, paths: Mapping[L, Path]) -> dict[L, xr.Dataset]:
        """The same with a notice of each that is damaged; while nobody writes them."""
        found = self._look(paths)
        self.notices += [
            f"store entry {path.name} failed its checksum and was computed again."
            for label, path in paths.items()
            if label not in found and path.exists()
        ]
        return found

    def _write(self, path: Path, dataset: xr.Dataset) -> None:
        def share(scratch: Path, checksum: bytes) -> None:
            if self.remote is not None:
                self.remote.put(self._name(path), scratch, checksum)

        with self._usable():
            write(path, dataset, share)


def opened(folder: Path, url: str = "", notices: list[str] | None = None) -> Store:
    """The store in a folder; where it lies at a URL, the folder is what is kept of it here."""
    return Store(folder, [] if notices is None else notices, remote=Remote(url) if url else None)


def canonical(key: Key) -> str:
    """The key as text: JSON with sorted names."""
    return json.dumps(key, sort_keys=True, ensure_ascii=False, default=str)


def _whole(paths: Mapping[L, Path]) -> dict[L, xr.Dataset]:
    read = {label: whole(path) for label, path in paths.items()}
    return {label: dataset for label, dataset in read.items() if dataset is not None}
