"""What stands in a study for a lexicon or a corpus that cannot be read: an error for whoever asks anything of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from semphase.errors import SemphaseError

T = TypeVar("T")


@dataclass(frozen=True)
class Unread:
    """Why there is nothing to read; claims that read something else need not know."""

    reason: str

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise SemphaseError(self.reason)


def or_unread(read: Callable[[], T]) -> T:
    """What `read` returns, or what stands for it where that raises SemphaseError."""
    try:
        return read()
    except SemphaseError as problem:
        stand_in: Any = Unread(str(problem))
        found: T = stand_in
        return found
