"""Which files tests read that are neither ours nor a library's: nothing but the reader knows what is in them.

Python tells of every file that it opens, and of programs and connections. What a library in C opens by itself is not seen.
"""

from __future__ import annotations

import linecache
import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from semphase.code import PACKAGE, installed, of_project
from semphase.models.catalogue import CATALOGUE
from semphase.models.packaged import TABLES, places

_MACHINE = ("/proc/", "/sys/", "/dev/", "/etc/", "/lib/", "/usr/lib/", "/usr/share/")
_SOURCE_READERS = {"<frozen importlib._bootstrap_external>", linecache.__file__}
_BESIDES = frozenset({"subprocess.Popen", "os.posix_spawn", "socket.connect", "sqlite3.connect"})
_WRITING = os.O_WRONLY | os.O_RDWR


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read, and the project's functions on whose behalf, as "module.name"."""

    what: str
    functions: frozenset[str]


class _Watcher:
    """The process has one, for a hook cannot be taken out again."""

    def __init__(self) -> None:
        self.known: tuple[str, ...] = ()
        self.readings: list[Reading] = []
        self.made: set[str] = set()
        self.busy = False

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Python's own call, before anything is opened."""
        if self.busy or not (event == "open" or event in _BESIDES):
            return
        self.busy = True
        try:
            if event == "open":
                self._opened(*arguments)
            elif (functions := _asking(sys._getframe(1))) is not None:
                self.readings.append(Reading(event, functions))
        except Exception:  # noqa: S110 - a file must open whatever goes wrong here
            pass
        finally:
            self.busy = False

    def _opened(self, path: Any, _mode: str | None, flags: int) -> None:
        if isinstance(path, int):
            return
        place = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - for every file that opens
        if flags & _WRITING:
            self.made.add(place)
        elif not place.startswith(self.known) and place not in self.made:
            frames = list(_frames(sys._getframe(2)))
            if not any(frame.f_code.co_filename in _SOURCE_READERS for frame in frames):
                self.readings.append(Reading(place, frozenset(_named(frames))))


_WATCHER = _Watcher()


def watch(known: Iterable[str]) -> None:
    """From now on notice what is read at paths that begin neither like these nor like Python's, its packages' or ours."""
    if not _WATCHER.known:
        sys.addaudithook(_WATCHER.hear)
    _WATCHER.known = tuple({*_MACHINE, *_own(), *known})


def so_far() -> int:
    """How much was read until now."""
    return len(_WATCHER.readings)


def since(count: int) -> list[Reading]:
    """What was read after `so_far` said this."""
    return _WATCHER.readings[count:]


def readers() -> frozenset[str]:
    """All functions of the project that have read anything: what they read may be remembered, and not be opened again."""
    return frozenset().union(*(reading.functions for reading in _WATCHER.readings))


def beginnings(folders: Iterable[Path]) -> Iterator[str]:
    """How the path of whatever lies in these folders begins."""
    for folder in folders:
        yield from (f"{form}{os.sep}" for form in (folder.absolute(), folder.resolve()))


def _own() -> Iterator[str]:
    package, python = Path(__file__).parents[1], sysconfig.get_paths()
    libraries = [Path(python["stdlib"]), Path(python["platstdlib"]), Path(sys.prefix, "share"), *installed()]
    data = [place for name in (*TABLES, *CATALOGUE) for place in places(name)]
    yield from beginnings([package, *libraries, *data])


def _frames(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _named(frames: Iterable[FrameType]) -> Iterator[str]:
    for frame in frames:
        module = frame.f_globals.get("__name__")
        if isinstance(module, str) and of_project(module):
            yield f"{module}.{frame.f_code.co_qualname}"


def _asking(frame: FrameType | None) -> frozenset[str] | None:
    """The project's functions behind a program or a connection; None for one of semphase's own."""
    frames = list(_frames(frame))
    for own in frames:
        module = str(own.f_globals.get("__name__"))
        if module.partition(".")[0] == PACKAGE and not module.startswith(f"{PACKAGE}.plugin"):
            return None
        if of_project(module):
            return frozenset(_named(frames))
    return None
