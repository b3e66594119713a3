"""The registry: an append-only log of what every claim said, and since when.

`registry.jsonl` stands beside the claims. Each line is a JSON object with `id`, `date`, `reason`, `rule` (the claim's
fingerprint) and `previous`, the SHA-256 of the line before, so that no line can be edited, moved or dropped without
breaking all that follow. A line whose `id` and `rule` are null is a remark. The hash of the last line (the head) and
the number of lines stand in every report: they show a tail that was cut, or a log that was written anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock

from semphase.errors import SemphaseError
from semphase.files import write_or_refuse
from semphase.verdict.claim import Claim

NAME = "registry.jsonl"
Status = Literal["registered", "changed", "unregistered"]


@dataclass(frozen=True, slots=True)
class Line:
    """One registration or amendment; a remark where `id` and `rule` are None."""

    id: str | None
    date: str
    reason: str
    rule: str | None
    previous: str | None


@dataclass(frozen=True, slots=True)
class Registration:
    """How a claim stands to its registry; `date` is that of its last line there, None without one."""

    status: Status
    date: str | None


@dataclass(frozen=True, slots=True)
class Registry:
    """The lines of a registry, oldest first, and the SHA-256 of each."""

    path: Path
    lines: tuple[Line, ...] = ()
    hashes: tuple[str, ...] = ()

    @property
    def head(self) -> str | None:
        """The SHA-256 of the last line; None while there is none."""
        return self.hashes[-1] if self.hashes else None

    def ids(self) -> set[str]:
        """Every claim that was ever registered."""
        return {line.id for line in self.lines if line.id is not None}

    def latest(self, claim_id: str) -> Line | None:
        """The line that counts for a claim: its last."""
        return next((line for line in reversed(self.lines) if line.id == claim_id), None)

    def registration(self, claim: Claim) -> Registration:
        """Is the claim registered as it stands, changed since, or not registered?"""
        line = self.latest(claim.id)
        if line is None:
            return Registration("unregistered", None)
        return Registration("registered" if line.rule == claim.fingerprint() else "changed", line.date)

    def holds(self, head: str | None, length: int) -> bool:
        """Does it still begin with the `length` lines that ended in `head` when somebody looked?"""
        return length <= len(self.hashes) and (self.hashes[length - 1] if length else None) == head


def beside(file: Path) -> Path:
    """Where the registry for the claims of a file lies, there or not."""
    return file.parent / NAME


def read(path: Path) -> Registry:
    """The registry at a path, empty where there is none; SemphaseError where it was cut, edited or cannot be read."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Registry(path)
    except OSError as problem:
        raise SemphaseError(f"the registry {path} cannot be read: {problem.strerror or problem}") from problem
    return _parse(content, path)


def append(path: Path, choose: Callable[[Registry], Sequence[tuple[Claim, str]]], today: date) -> list[Line]:
    """Append what `choose` picks, seeing the registry as it stands: claims, each with the reason for its line.

    Nobody else appends meanwhile, and the lines appear together or not at all. Returns them.
    """
    if not path.parent.is_dir():
        raise SemphaseError(f"there is no folder {path.parent} for a registry")
    try:
        with FileLock(path.with_name(f".{path.name}.lock")):
            registry = read(path)
            chained = list(_chained(choose(registry), registry.head, today))
            if chained:
                old = path.read_bytes() if path.exists() else b""
                write_or_refuse(path, old + b"".join(_encoded(line) + b"\n" for line in chained), "the registry")
    except OSError as problem:
        raise SemphaseError(f"the registry {path} cannot be locked: {problem.strerror or problem}") from problem
    return chained


def _chained(chosen: Sequence[tuple[Claim, str]], head: str | None, today: date) -> Iterator[Line]:
    for claim, reason in chosen:
        line = Line(claim.id, today.isoformat(), reason, claim.fingerprint(), head)
        head = _hash(_encoded(line))
        yield line


def _encoded(line: Line) -> bytes:
    return json.dumps(asdict(line), ensure_ascii=False).encode(errors="replace")


def _hash(row: bytes) -> str:
    return hashlib.sha256(row).hexdigest()


def _parse(content: bytes, path: Path) -> Registry:
    *rows, rest = [row.removesuffix(b"\r") for row in content.split(b"\n")]
    if rest:
        raise SemphaseError(f"the registry {path} is cut short in line {len(rows) + 1}: restore it")
    lines, hashes = [], [_hash(row) for row in rows]
    for number, (row, previous) in enumerate(zip(rows, [None, *hashes], strict=False), 1):
        line = _line(row, f"line {number} of the registry {path}")
        if line.previous != previous:
            raise SemphaseError(
                f"line {number} of the registry {path} does not follow from the one before it, so lines were edited, "
                "dropped or merged: restore the file and register again what came after"
            )
        lines.append(line)
    return Registry(path, tuple(lines), tuple(hashes))


def _line(row: bytes, where: str) -> Line:
    try:
        found: Any = json.loads(row)
        line = Line(*(found[name] for name in ("id", "date", "reason", "rule", "previous")))
        date.fromisoformat(line.date)
    except (ValueError, TypeError, KeyError, RecursionError) as problem:
        raise SemphaseError(f"{where} is no registration with id, date, reason, rule and previous") from problem
    texts = (line.reason, *(value for value in (line.id, line.rule, line.previous) if value is not None))
    if not all(isinstance(text, str) for text in texts) or (line.id is None) != (line.rule is None):
        raise SemphaseError(f"{where} is no registration with id, date, reason, rule and previous")
    return line
