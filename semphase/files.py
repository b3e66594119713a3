"""Files that appear whole or not at all: the one way in which anything here is put on disk."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path

from semphase.errors import SemphaseError


@contextlib.contextmanager
def atomically(path: Path) -> Iterator[Path]:
    """The path of a scratch file beside `path`, which takes its place when the block ends without an error.

    A reader sees the old content or the new, never half of it. The scratch file is hidden, keeps the suffix (some
    writers insist on one), and is gone after an error. Raises OSError where the disk refuses.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:12]}.partial{path.suffix}")
    try:
        yield scratch
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file in one step, whole even after a power cut; raises OSError where the disk refuses."""
    with atomically(path) as scratch, scratch.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def write_or_refuse(path: Path, content: bytes, what: str) -> None:
    """Write a file in one step; where the disk refuses, raise SemphaseError that names `what` and the reason."""
    try:
        write_atomically(path, content)
    except OSError as problem:
        raise SemphaseError(f"{what} {path} cannot be written: {problem.strerror or problem}") from problem


def read_utf8(path: Path) -> str:
    """The text of a file, without a mark at its beginning; raises OSError, also for a device, and UnicodeDecodeError."""
    if stat.S_ISCHR(path.stat().st_mode):
        raise OSError(errno.EINVAL, "a device, which may never end")
    return path.read_text(encoding="utf-8-sig")


def short(path: object) -> str:
    """A path for a sentence: its beginning and its end where it is longer than a line."""
    told = str(path)
    return told if len(told) <= 200 else f"{told[:80]}…{told[-40:]}"
