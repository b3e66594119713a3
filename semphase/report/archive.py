"""A run in one file: its report with all that its verdicts rest on, written in one step, read and checked by hashes."""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import numpy as np

from semphase.errors import SemphaseError
from semphase.files import atomically, sha256_of, short
from semphase.report.crate import METADATA, Held, held, metadata
from semphase.report.save import ARCHIVE
from semphase.report.schema import Document
from semphase.report.stored import FILE, parse_report
from semphase.report.wording import summary_line
from semphase.stats.sampling import Deviations

REPORT = f"report/{FILE}"
SETTINGS = "settings.json"
SAMPLES = "samples.json"
_BLOCK = 2**20
_DATE = (1980, 1, 1, 0, 0, 0)
"""The earliest that a ZIP file knows: what an archive holds decides its bytes, not when it was packed."""
_PACKED = {".nc", ".png"}
"""What hardly gets smaller."""

Contents = Mapping[str, bytes | Path]
"""What an archive is to hold, by its path there: bytes, or the file to take them from."""
Samples = Mapping[tuple[str, str | None], Deviations]
"""What the units of a claim's estimate deviate by, for claims on models whose run kept it."""


@dataclass(frozen=True, slots=True)
class Written:
    """An archive that was written: how many files it holds, its size in bytes, its SHA-256."""

    files: int
    size: int
    sha256: str


def write_archive(path: Path, document: Document, contents: Contents) -> Written:
    """Write an archive in one step; SemphaseError where the disk refuses, or a file to take in is gone."""
    try:
        with atomically(path) as scratch:
            with zipfile.ZipFile(scratch, "w") as file:
                files = [_add(file, name, contents[name]) for name in sorted(contents)]
                _add(file, METADATA, metadata(document["run"], summary_line(document), files))
            size, sha256 = scratch.stat().st_size, sha256_of(scratch)
    except OSError as problem:
        named = problem.filename or path
        raise SemphaseError(
            f"the archive {path} cannot be written ({named}: {problem.strerror or problem}); --no-archive leaves it out"
        ) from problem
    return Written(len(files), size, sha256)


def is_archive(place: Path) -> bool:
    """Is it, or was it meant to be, a ZIP file, or a folder into which an archive was unpacked?"""
    if place.is_dir():
        return (place / METADATA).is_file()
    return place.is_file() and (place.suffix == ".zip" or zipfile.is_zipfile(place))


def archived_beside(run: Path) -> Path | None:
    """The archive that lies with a report, if one does."""
    beside = (run if run.is_dir() else run.parent) / ARCHIVE
    return beside if beside.is_file() and zipfile.is_zipfile(beside) else None


def report_in(place: Path) -> Document:
    """The report of an archive; SemphaseError where there is none that can be read."""
    return parse_report(_read(place, REPORT), short(place))


def settings_in(place: Path) -> dict[str, Any]:
    """With what an archive's run was made."""
    return _parsed(place, SETTINGS)


def samples_in(place: Path) -> Samples:
    """What the units of each estimate deviate by; SemphaseError for a file that holds something else."""
    found = _parsed(place, SAMPLES)
    try:
        return {
            (own["id"], own["model"]): tuple(np.array(part, dtype=float) for part in own["deviations"])
            for own in found["estimates"]
        }
    except (KeyError, TypeError, ValueError) as problem:
        raise SemphaseError(f"the archive {short(place)} is broken: {SAMPLES} is not as a run writes it") from problem


def samples_form(samples: Mapping[tuple[str, str | None], Sequence[Sequence[float]]]) -> bytes:
    """The same, as numbers, in the form in which an archive holds it."""
    told = [
        {"id": claim, "model": model, "deviations": parts}
        for (claim, model), parts in sorted(samples.items(), key=lambda own: (own[0][0], own[0][1] or ""))
    ]
    return json.dumps({"format": 1, "estimates": told}, indent=0, ensure_ascii=False).encode()


def unpack(place: Path, folder: Path) -> list[str]:
    """Copy an archive's files into a folder; what is wrong with it, a sentence for each file.

    Only files that the metadata name are copied, and none that would lie outside the folder. SemphaseError where the
    archive cannot be read at all.
    """
    named = held(_read(place, METADATA))
    with _opened(place) as files:
        there = Counter(files.names())
        problems = [f"{name} is there twice" for name, times in there.items() if times > 1]
        problems += [f"{name} is missing" for name in named if name not in there]
        problems += [
            f"{name} was added: {METADATA} does not name it" for name in there if name not in {*named, METADATA}
        ]
        for name in (name for name in named if name in there):
            problems += _copy(files, named[name], folder)
    return problems


@dataclass(frozen=True, slots=True)
class _Zipped:
    file: zipfile.ZipFile

    def names(self) -> list[str]:
        return [name for name in self.file.namelist() if not name.endswith("/")]

    def open(self, name: str) -> Any:
        return self.file.open(name)


@dataclass(frozen=True, slots=True)
class _Unpacked:
    folder: Path

    def names(self) -> list[str]:
        files = (path for path in sorted(self.folder.rglob("*")) if path.is_file())
        return [path.relative_to(self.folder).as_posix() for path in files]

    def open(self, name: str) -> BinaryIO:
        return (self.folder / name).open("rb")


@contextmanager
def _opened(place: Path) -> Iterator[_Zipped | _Unpacked]:
    """SemphaseError for a ZIP file that is cut or damaged where it is read."""
    try:
        if place.is_dir():
            yield _Unpacked(place)
        else:
            with zipfile.ZipFile(place) as file:
                yield _Zipped(file)
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError) as problem:
        raise SemphaseError(
            f"the archive {short(place)} cannot be read ({problem}): fetch or write it again"
        ) from problem


def _copy(files: _Zipped | _Unpacked, wanted: Held, folder: Path) -> Iterator[str]:
    """Copy one file and compare it with what the metadata say of it."""
    path = PurePosixPath(wanted.name)
    if path.is_absolute() or ".." in path.parts or "\\" in wanted.name or "\0" in wanted.name:
        yield f"{wanted.name} lies outside the archive"
        return
    target = folder / path
    digest, size = hashlib.sha256(), 0
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with files.open(wanted.name) as source, target.open("wb") as copy:
            # Nobody who wrote a small size into the metadata fills the disk.
            while size <= wanted.size and (block := source.read(_BLOCK)):
                copy.write(block)
                digest.update(block)
                size += len(block)
    except (zipfile.BadZipFile, EOFError, zlib.error) as problem:
        yield f"{wanted.name} is damaged ({problem})"
        return
    if (size, digest.hexdigest()) != (wanted.size, wanted.sha256):
        yield f"{wanted.name} was changed: its SHA-256 is not the one in {METADATA}"


def _add(file: zipfile.ZipFile, name: str, content: bytes | Path) -> Held:
    packed = PurePosixPath(name).suffix in _PACKED
    info = zipfile.ZipInfo(name, _DATE)
    info.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    info.file_size = len(content) if isinstance(content, bytes) else content.stat().st_size
    digest, size = hashlib.sha256(), 0
    with file.open(info, "w") as target:
        for block in _blocks(content):
            target.write(block)
            digest.update(block)
            size += len(block)
    return Held(name, size, digest.hexdigest())


def _blocks(content: bytes | Path) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    with content.open("rb") as source:
        while block := source.read(_BLOCK):
            yield block


def _read(place: Path, name: str) -> bytes:
    with _opened(place) as files:
        if name not in files.names():
            raise SemphaseError(f"{short(place)} is no archive of a run: it has no {name}")
        with files.open(name) as source:
            content: bytes = source.read()
    return content


def _parsed(place: Path, name: str) -> dict[str, Any]:
    try:
        found = json.loads(_read(place, name))
    except (ValueError, RecursionError) as problem:
        raise SemphaseError(f"the archive {short(place)} is broken: {name} is no JSON ({problem})") from problem
    if not isinstance(found, dict):
        raise SemphaseError(f"the archive {short(place)} is broken: {name} is not as a run writes it")
    return found
