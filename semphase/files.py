"""Files that appear whole or not at all: the one way in which anything here is put on disk."""

from __future__ import annotations

import contextlib
import errno
import glob
import hashlib
import os
import shutil
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path

from semphase.errors import SemphaseError

_BLOCK = 1 << 16
"""Bytes that a disk must take before anything is measured."""


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


def clear_scratch(path: Path) -> None:
    """Take away what killed writers of a file or folder left beside it; nobody else may be writing it meanwhile."""
    for left in path.parent.glob(f".{glob.escape(path.stem)}.*.partial{path.suffix}"):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


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


def try_out(folder: Path, beneath: Path = Path()) -> None:
    """Make folders `beneath` in `folder`, put a block of bytes there, and take all away; OSError where the disk refuses.

    Permissions do not tell: a disk may be full, and the administrator may do anything but write to /proc.
    """
    scratch = folder / f".{uuid.uuid4().hex[:12]}"
    try:
        Path(scratch, beneath).mkdir(parents=True)
        with Path(scratch, beneath, "block").open("wb") as file:
            file.write(bytes(_BLOCK))
            file.flush()
            os.fsync(file.fileno())
    finally:
        # Not by tempfile, whose clean-up recurses without end in a folder that was closed meanwhile.
        shutil.rmtree(scratch, ignore_errors=True)


def nearest(path: Path) -> Path:
    """The path itself if it is there, else the nearest folder above it that is; OSError where nobody may look."""
    return next(own for own in (path.absolute(), *path.absolute().parents) if own.exists())


def place(name: str) -> Path:
    """The path that a user means, from ~ on where there is such a user."""
    return Path(os.path.expanduser(name))  # noqa: PTH111 - Path.expanduser raises where there is none


def is_folder(path: Path) -> bool:
    """Is there a folder? Not where nobody may look, nor under a name that no disk takes."""
    return os.path.isdir(path)  # noqa: PTH112 - Path.is_dir raises for those


def is_file(path: Path) -> bool:
    """Is there a file? Not where nobody may look, nor under a name that no disk takes."""
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file raises for those


def is_there(path: Path) -> bool:
    """Is there anything? Not where nobody may look, nor under a name that no disk takes."""
    return os.path.exists(path)  # noqa: PTH110 - Path.exists raises for those


def read_utf8(path: Path) -> str:
    """The text of a file, without a mark at its beginning; raises OSError, also for a device, and UnicodeDecodeError."""
    if stat.S_ISCHR(path.stat().st_mode):
        raise OSError(errno.EINVAL, "a device, which may never end")
    return path.read_text(encoding="utf-8-sig")


def sha256_of(path: Path) -> str:
    """Of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def short(path: object) -> str:
    """A path for a sentence: its beginning and its end where it is longer than a line."""
    told = str(path)
    return told if len(told) <= 200 else f"{told[:80]}…{told[-40:]}"
