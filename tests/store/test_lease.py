"""A lock as a file: one owner at a time, and what its owner abandoned is free after a while."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import pytest

from semphase.errors import SemphaseError
from semphase.store import lease
from semphase.store.lease import Lease


@dataclass
class Files:
    """A dictionary of files, which may be out of reach."""

    held: dict[str, bytes] = field(default_factory=dict)
    broken: bool = False

    def read(self, name: str) -> bytes | None:
        self._reach()
        return self.held.get(name)

    def write(self, name: str, content: bytes) -> None:
        self._reach()
        self.held[name] = content

    def create(self, name: str, content: bytes) -> bool:
        self._reach()
        return self.held.setdefault(name, content) == content

    def remove(self, name: str) -> None:
        self._reach()
        self.held.pop(name, None)

    def _reach(self) -> None:
        if self.broken:
            raise SemphaseError("out of reach")


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("LEASE", 0.4), ("RENEWED", 0.05), ("LONGEST", 0.05)):
        monkeypatch.setattr(lease, name, seconds)


def acquired(files: Files) -> threading.Thread:
    """A thread that takes the lock and gives it back."""

    def take() -> None:
        with Lease(files, "lock").held():
            pass

    made = threading.Thread(target=take, daemon=True)
    made.start()
    return made


def test_a_held_lock_is_waited_for_longer_than_a_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    files = Files()
    with Lease(files, "lock").held():
        other = acquired(files)
        other.join(0.8)
        assert other.is_alive()
    other.join(5)
    assert not other.is_alive()
    assert files.held == {}


def test_a_lock_that_nobody_renews_is_taken_over() -> None:
    files = Files(held={"lock": b"somebody who died 3"})
    begun = time.monotonic()
    with Lease(files, "lock").held():
        assert time.monotonic() - begun > lease.LEASE
    assert files.held == {}


def test_what_another_took_over_is_left_to_it() -> None:
    files = Files()
    with Lease(files, "lock").held():
        files.held["lock"] = b"another 0"
        time.sleep(0.15)
        assert files.held["lock"] == b"another 0"
    assert files.held == {"lock": b"another 0"}


def test_a_lock_that_cannot_be_given_back_breaks_nothing() -> None:
    files = Files()
    with Lease(files, "lock").held():
        files.broken = True
        time.sleep(0.15)


def test_a_writer_whom_another_overwrote_does_not_own() -> None:
    class Racing(Files):
        raced = False

        def create(self, name: str, content: bytes) -> bool:
            if self.raced:
                return super().create(name, content)
            self.raced = True
            self.held[name] = b"the other 0"
            return True

    files = Racing()
    waiting = acquired(files)
    waiting.join(0.2)
    assert waiting.is_alive()
    files.held.clear()
    waiting.join(5)
    assert not waiting.is_alive()
