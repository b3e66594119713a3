"""Live progress: what is being measured, and how far it is; nothing for what is over within a second.

Measurements call `progress`; whoever owns the terminal says with `showing` where it is seen and what stands before it.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol

from semphase.displays import Display, display_on

Advance = Callable[[int], None]
EVERY = 1.0
"""Seconds between two looks at what is under way."""


class Progress(Protocol):
    """What measurements are given: `with progress("heads", 144) as advance: …; advance(1)`."""

    def __call__(self, label: str, total: int | None = None) -> AbstractContextManager[Advance]:
        """Show that `label` is under way, until the block is left."""


class Phase:
    """One measurement under way: `done` of `total` steps, None where nobody knows how many."""

    def __init__(self, label: str, total: int | None) -> None:
        self.label = label
        self.total = total
        self.done = 0
        self.begun = time.monotonic()

    def advance(self, steps: int) -> None:
        """So many steps more are done."""
        self.done += steps

    def __reduce__(self) -> tuple[type[Phase], tuple[str, None]]:
        """In another process it tells nobody."""
        return Phase, ("", None)

    def __str__(self) -> str:
        if not self.total or not self.done:
            return self.label
        left = (time.monotonic() - self.begun) * (self.total - self.done) / self.done
        rest = f", {spoken(left)} left" if self.done < self.total else ""
        return f"{self.label}: {self.done} of {self.total}{rest}"


class _Board:
    """What this process has under way, and whether somebody shows it."""

    phases: list[Phase] = []  # noqa: RUF012 - there is one board
    shown = False


@contextmanager
def progress(label: str, total: int | None = None) -> Iterator[Advance]:
    """Show that `label` is under way; the yielded function takes the steps done since its last call.

    `total` is the number of steps, None where nobody knows. Without `showing` around it, standard error shows it, except
    in an xdist worker, whose standard error is its controller's.
    """
    phase = Phase(label, total)
    _Board.phases.append(phase)
    alone = not _Board.shown and "PYTEST_XDIST_WORKER" not in os.environ
    try:
        with showing(display_on(sys.stderr)) if alone else nullcontext():
            yield phase.advance
    finally:
        _Board.phases.remove(phase)


@contextmanager
def showing(display: Display, headline: Callable[[], str] = str) -> Iterator[None]:
    """While the block runs, show every second what `headline` says and what is being measured."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(EVERY):
            display.show(" · ".join(filter(None, [headline(), *map(str, list(_Board.phases))])))

    watcher = threading.Thread(target=look, name="progress", daemon=True)
    _Board.shown = True
    watcher.start()
    try:
        yield
    finally:
        _Board.shown = False
        over.set()
        watcher.join()
        display.clear()


def spoken(seconds: float) -> str:
    """A time as somebody would guess it."""
    return f"about {seconds:.0f} s" if seconds < 100 else f"about {seconds / 60:.0f} min"
