"""Live progress of a measurement: a bar on a terminal, plain lines with the time left elsewhere, nothing in an xdist worker.

Measurements call `progress`; whoever owns the terminal says with `show_on` where it goes.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

Advance = Callable[[int], None]
BAR_AFTER = 1.0
LINE_AFTER = 5.0
LINE_EVERY = 30.0


class Progress(Protocol):
    """What measurements are given: `with progress("heads", 144) as advance: …; advance(1)`."""

    def __call__(self, label: str, total: int | None = None) -> AbstractContextManager[Advance]:
        """Show that `label` is under way, until the block is left."""


class _Place:
    """Where progress is shown, None for standard error as it then is; nested phases share one bar."""

    stream: TextIO | None = None
    bar: Bar | None = None


def show_on(stream: TextIO | None) -> None:
    """Send progress to this stream; None goes back to standard error."""
    _Place.stream = stream


@contextmanager
def progress(label: str, total: int | None = None) -> Iterator[Advance]:
    """Show that `label` is under way; the yielded function takes the steps done since its last call.

    Phases that end quickly show nothing. `total` is the number of steps, None where nobody knows.
    """
    stream = _Place.stream or sys.stderr
    if "PYTEST_XDIST_WORKER" in os.environ:
        yield _nowhere
    elif stream.isatty():
        with _bar(label, total, stream) as advance:
            yield advance
    else:
        with _lines(label, total, stream) as advance:
            yield advance


def _nowhere(steps: int) -> None:
    """The steps are not shown."""


@contextmanager
def _bar(label: str, total: int | None, stream: TextIO) -> Iterator[Advance]:
    from rich.markup import escape

    if _Place.bar is None:
        with _shared_bar(stream), _bar(label, total, stream) as advance:
            yield advance
        return
    bar = _Place.bar
    task = bar.add_task(escape(label), total=total)
    try:
        yield lambda steps: bar.advance(task, steps)
    finally:
        bar.remove_task(task)


@contextmanager
def _shared_bar(stream: TextIO) -> Iterator[None]:
    from rich.console import Console
    from rich.progress import Progress as Bar

    bar = _Place.bar = Bar(console=Console(file=stream), transient=True)

    def appear() -> None:
        stream.write("\n")
        bar.start()

    try:
        with _later(BAR_AFTER, appear):
            yield
    finally:
        bar.stop()
        _Place.bar = None


@contextmanager
def _lines(label: str, total: int | None, stream: TextIO) -> Iterator[Advance]:
    begun = time.monotonic()
    told, done = begun + LINE_AFTER - LINE_EVERY, 0

    def advance(steps: int) -> None:
        nonlocal told, done
        done, now = done + steps, time.monotonic()
        if total and 0 < done < total and now - told > LINE_EVERY:
            told = now
            left = (now - begun) * (total - done) / done
            print(f"{label}: {done} of {total}, about {_spoken(left)} left", file=stream, flush=True)

    with _later(LINE_AFTER, lambda: print(f"{label} …", file=stream, flush=True)):
        yield advance
    seconds = time.monotonic() - begun
    if seconds > LINE_AFTER:
        print(f"{label}: {seconds:.0f} s", file=stream, flush=True)


def _spoken(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


@contextmanager
def _later(seconds: float, act: Callable[[], None]) -> Iterator[None]:
    """Act once the block has lasted so long; the action is over when the block is left."""
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
