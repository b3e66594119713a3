"""How long a run measured."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


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
