"""Where progress is shown: below the cursor of a terminal, as lines now and then elsewhere, or to another process."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol, TextIO

from semphase.files import atomically

FIRST = 5.0
EVERY = 10.0
SHARE = 0.05
"""Seconds to the first line and between two of them, and the least share of the time so far between two."""


class Display(Protocol):
    """Takes what is under way, once a second."""

    def show(self, text: str) -> None:
        """What is under way; nothing if empty."""

    def clear(self) -> None:
        """Nothing is under way any more."""

    def hidden(self) -> AbstractContextManager[None]:
        """Somebody else writes to the same place while the block runs."""


def display_on(stream: TextIO, column: Callable[[], int] = lambda: 0) -> Display:
    """A display on this stream; `column` is where another's unfinished line on the same terminal or file ends."""
    return Below(stream, column) if stream.isatty() else Lines(stream, column)


class Below:
    """One line of a terminal, below the cursor or, where the cursor is at the left edge, on its line.

    The cursor stays where it is, so that pytest can go on with its dots; rich's live displays need a line of their own.
    """

    def __init__(self, stream: TextIO, column: Callable[[], int]) -> None:
        self._stream = stream
        self._column = column
        self._lock = threading.RLock()
        self._at: int | None = None

    def show(self, text: str) -> None:
        """Write the line over the last one."""
        with self._lock:
            self.clear()
            if text:
                self._at = self._column()
                self._write(text[: shutil.get_terminal_size().columns - 1], self._at)

    def clear(self) -> None:
        """Take the line away."""
        with self._lock:
            if self._at is not None:
                self._write("", self._at)
                self._at = None

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """No line while the block runs."""
        with self._lock:
            self.clear()
            yield

    def _write(self, line: str, column: int) -> None:
        # The line below is scrolled into sight, emptied and written; then the cursor goes back up and to its column.
        down, back = ("\n", f"\x1b[A\x1b[{column + 1}G") if column else ("", "\r")
        self._stream.write(f"{down}\r\x1b[2K{line}{back}")
        self._stream.flush()


class Lines:
    """A line after some seconds, and then at intervals that grow with the time so far."""

    def __init__(self, stream: TextIO, column: Callable[[], int]) -> None:
        self._stream = stream
        self._column = column
        self._begun = time.monotonic()
        self._told = self._begun + FIRST - EVERY

    def show(self, text: str) -> None:
        """Write a line if it is time for one."""
        now = time.monotonic()
        if text and now - self._told >= max(EVERY, SHARE * (now - self._begun)):
            self._told = now
            print("\n" * bool(self._column()) + text, file=self._stream, flush=True)

    def clear(self) -> None:
        """What is written stays."""

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Lines disturb nobody."""
        yield


class Note:
    """A file that holds what is under way, for a process that shows it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._told = ""

    def show(self, text: str) -> None:
        """Write the file if anything has changed."""
        if text != self._told:
            with atomically(self._path) as scratch:
                scratch.write_text(text, encoding="utf-8")
            self._told = text

    def clear(self) -> None:
        """Leave an empty file."""
        self.show("")

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Nobody else writes there."""
        yield
