"""Which files tests read that are neither ours nor a library's: nothing but the reader knows what is in them.

Python tells of every file that it opens, and of programs and connections. What a library in C opens by itself is not seen.
"""

from __future__ import annotations

import linecache
import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from threading import get_ident
from types import FrameType
from typing import Any

from _pytest.assertion import rewrite

from semphase.code import modules
from semphase.code.places import PACKAGE, installed, of_project
from semphase.models.catalogue import CATALOGUE
from semphase.models.packaged import TABLES, places

_MACHINE = ("/proc/", "/sys/", "/dev/", "/etc/", "/lib/", "/usr/lib/", "/usr/share/")
_READING_SOURCES = {
    "<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>", linecache.__file__, rewrite.__file__,
    modules.__file__,
}  # fmt: skip
_BESIDES = frozenset({
    "subprocess.Popen", "os.posix_spawn", "os.system", "os.fork", "os.listdir", "os.scandir", "socket.connect",
    "sqlite3.connect",
})  # fmt: skip
_NEW = os.O_TRUNC | os.O_EXCL


class _Watcher:
    """The process has one, for a hook cannot be taken out again.

    `count` is how much was read, `functions` are those of the project on whose behalf, `made` the files of this process.
    """

    def __init__(self) -> None:
        self.known: tuple[str, ...] = ()
        self.count = 0
        self.functions: set[str] = set()
        self.made: set[str] = set()
        self.at_work: set[int] = set()
        self.listening = False

    def listen(self) -> None:
        """Have Python call, once."""
        if not self.listening:
            sys.addaudithook(self.hear)
        self.listening = True

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Python's own call, before anything is opened."""
        if not self.known or not (event == "open" or event in _BESIDES) or get_ident() in self.at_work:
            return
        self.at_work.add(get_ident())
        try:
            frame = sys._getframe(1)
            if self._reads(frame, *arguments) if event == "open" else _foreign(frame):
                self.count += 1
                self.functions.update(_named(frame))
        except Exception:  # noqa: S110 - a file must open whatever goes wrong here
            pass
        finally:
            self.at_work.discard(get_ident())

    def _reads(self, frame: FrameType, path: Any, _mode: str | None, flags: int) -> bool:
        if isinstance(path, int):
            return False
        place = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - for every file that opens
        if flags & _NEW:
            self.made.add(place)
        if flags & (_NEW | os.O_WRONLY) or place in self.made or place.startswith(self.known):
            return False
        # Whoever deletes a folder opens it, as the engine does with streams that it laid aside.
        return not os.path.isdir(place) and not _for_sources(frame)  # noqa: PTH112 - for every file that opens


_WATCHER = _Watcher()


def watch(known: Iterable[str]) -> None:
    """From now on notice what is read at paths that begin neither like these nor like Python's, its packages' or ours."""
    _WATCHER.listen()
    _WATCHER.known = tuple({*_MACHINE, *_own(), *known})


def rest() -> None:
    """Notice nothing any more."""
    _WATCHER.known = ()


def so_far() -> int:
    """How much was read until now."""
    return _WATCHER.count


def readers() -> frozenset[str]:
    """All functions of the project that have read anything: what they read may be remembered, and not be opened again."""
    return frozenset(_WATCHER.functions)


def beginnings(folders: Iterable[Path]) -> Iterator[str]:
    """How the path of whatever lies in these folders begins."""
    for folder in folders:
        yield from (f"{form}{os.sep}" for form in (folder.absolute(), Path(os.path.realpath(folder))))


@lru_cache(maxsize=1)
def libraries() -> tuple[str, ...]:
    """How the paths of Python's own files, of installed packages and of semphase begin."""
    python = sysconfig.get_paths()
    folders = [Path(__file__).parents[1], Path(python["stdlib"]), Path(python["platstdlib"]), *installed()]
    return tuple(beginnings(folders))


def _own() -> Iterator[str]:
    data = [place for name in (*TABLES, *CATALOGUE) for place in places(name)]
    yield from (*libraries(), *beginnings([Path(sys.prefix, "share"), *data]))
    yield from (entry for entry in sys.path if entry.endswith(".zip"))


def _callers(frame: FrameType | None) -> Iterator[FrameType]:
    """A frame and those that wait for it, the nearest first."""
    while frame is not None:
        yield frame
        frame = frame.f_back


def _for_sources(frame: FrameType) -> bool:
    """Does Python read for an import, a traceback or an assertion, or semphase for a hash of code?"""
    return any(own.f_code.co_filename in _READING_SOURCES for own in _callers(frame))


def _named(frame: FrameType) -> Iterator[str]:
    """The project's functions among those at work, as "module.name"."""
    for own in _callers(frame):
        if of_project(module := _module(own)):
            yield f"{module}.{own.f_code.co_qualname}"


def _foreign(frame: FrameType) -> bool:
    """Did the project ask for a program, a connection or a list of files, and not Python, or semphase for one of its own?"""
    if _for_sources(frame) or any(own.f_code.co_name.startswith("_rmtree") for own in _callers(frame)):
        return False
    names = map(_module, _callers(frame))
    nearest = next((name for name in names if of_project(name) or name.partition(".")[0] == PACKAGE), PACKAGE)
    return of_project(nearest)


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__"))
