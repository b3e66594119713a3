"""`semphase register`: claims are appended to the registry beside their file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from semphase.cli.declared import find
from semphase.cli.listing import shortest
from semphase.errors import SemphaseError
from semphase.verdict import registry
from semphase.verdict.claim import Claim
from semphase.verdict.registration import amend, refuse_changed, register
from semphase.verdict.registry import Line, Registry

Write = Callable[[Sequence[Claim], Path], list[Line]]


@dataclass(frozen=True, slots=True)
class Registering:
    """The lines that were appended, with their registries; how many claims stood there as they are."""

    appended: tuple[tuple[Registry, tuple[Line, ...]], ...]
    unchanged: int
    notices: tuple[str, ...]

    def form(self) -> dict[str, Any]:
        """For programs."""
        return {
            "registered": [
                {**asdict(line), "registry": shortest(known.path)} for known, lines in self.appended for line in lines
            ],
            "unchanged": self.unchanged,
            "registries": [
                {"path": shortest(known.path), "head": known.head, "length": len(known.lines)}
                for known, _ in self.appended
            ],
            "notices": list(self.notices),
        }

    def __rich__(self) -> RenderableType:
        """A line for each registration, and the registry's new head, which a paper may quote."""
        told = [Text(_words(line)) for _, lines in self.appended for line in lines]
        told += [Text(f"{self.unchanged} registered before, unchanged", style="dim")] if self.unchanged else []
        heads = [
            Text(f"{shortest(known.path)}: {_lines(known)}, head {known.head}", style="dim", overflow="fold")
            for known, _ in self.appended
        ]
        return Group(*told, *heads, *(Text(f"note: {notice}", style="yellow") for notice in self.notices))


def registering(files: Sequence[Path]) -> Registering:
    """Register the new claims of the files; SemphaseError, and nothing is written, where a registered one changed."""
    return _each(files, register, refuse_changed)


def amending(files: Sequence[Path], reason: str) -> Registering:
    """Register the changed claims of the files too, with the reason why they changed."""
    if not reason.strip():
        raise SemphaseError('an amendment needs its reason: --amend --reason "WHY"')
    return _each(files, lambda claims, path: amend(claims, path, reason), lambda *_: None)


def _each(files: Sequence[Path], write: Write, check: Callable[[Sequence[Claim], Registry], None]) -> Registering:
    found = find(files)
    if not found.declared:
        why = "; ".join(found.skipped)
        raise SemphaseError(f"no claim is declared in {', '.join(map(str, files))}{f' ({why})' if why else ''}")
    groups: dict[Path, list[Claim]] = {}
    for one in found.declared:
        groups.setdefault(registry.beside(one.file), []).append(one.claim)
    for path, claims in groups.items():
        check(claims, registry.read(path))
    appended = [(tuple(write(claims, path)), path) for path, claims in groups.items()]
    return Registering(
        appended=tuple((registry.read(path), lines) for lines, path in appended),
        unchanged=len(found.declared) - sum(len(lines) for lines, _ in appended),
        notices=found.skipped,
    )


def _lines(known: Registry) -> str:
    return "1 line" if len(known.lines) == 1 else f"{len(known.lines)} lines"


def _words(line: Line) -> str:
    amended = f", amended: {line.reason}" if line.reason else ""
    return f"registered {line.id}{amended}"
