"""A lock as a file that its owner renews: one that nobody renews any more is taken over.

Two owners at once are unlikely and cost no number: both measure the same, and entries are looked at only whole.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from semphase.errors import SemphaseError

LEASE = 60.0
"""Seconds without a sign of its owner after which a lock is free, by the clock of whoever waits."""
RENEWED = LEASE / 6
LONGEST = 2.0
"""Seconds between two looks at a lock that another holds; fewer at first."""


class Files(Protocol):
    """Small files at a place that several machines reach."""

    def read(self, name: str) -> bytes | None:
        """What a file holds; None where there is none."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Write a file, in the place of what may be there."""
        ...

    def create(self, name: str, content: bytes) -> bool:
        """Write a file where there is none; False where there is one."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        ...


class Lease:
    """The lock of a name, of one owner at a time."""

    def __init__(self, files: Files, name: str) -> None:
        self.files = files
        self.name = name
        self.owner = uuid.uuid4().hex

    @contextmanager
    def held(self) -> Iterator[None]:
        """The block holds it, waiting as long as its owner shows signs of life."""
        self._acquire()
        over = threading.Event()
        renewing = threading.Thread(target=self._renew, args=(over,), daemon=True)
        renewing.start()
        try:
            yield
        finally:
            over.set()
            renewing.join()
            # Where it cannot be given back, it runs out.
            with contextlib.suppress(SemphaseError):
                if self._is_own():
                    self.files.remove(self.name)

    def _acquire(self) -> None:
        seen: bytes | None = None
        since = time.monotonic()
        for wait in itertools.chain((0.05, 0.1, 0.2, 0.5, 1.0), itertools.repeat(LONGEST)):
            # Where the driver cannot create exclusively, the last of two writers is the owner.
            if self.files.create(self.name, self._sign(0)) and self._is_own():
                return
            now = self.files.read(self.name)
            if now != seen:
                seen, since = now, time.monotonic()
            elif now is not None and time.monotonic() - since > LEASE:
                self.files.remove(self.name)
                continue
            time.sleep(wait)

    def _renew(self, over: threading.Event) -> None:
        for count in itertools.count(1):
            if over.wait(RENEWED):
                return
            # Whoever cannot be reached now may be later; what is measured meanwhile says so itself.
            with contextlib.suppress(SemphaseError):
                if not self._is_own():
                    return
                self.files.write(self.name, self._sign(count))

    def _is_own(self) -> bool:
        return (self.files.read(self.name) or b"").startswith(self.owner.encode())

    def _sign(self, count: int) -> bytes:
        return f"{self.owner} {count}".encode()
