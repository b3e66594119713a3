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
from semphase.cli.outputs import outputs_of
from semphase.errors import SemphaseError
from semphase.report.schema import Entry
from semphase.report.stored import read_report
from semphase.verdict import registry
from semphase.verdict.frozen import Frozen
from semphase.verdict.registration import amend, entered, re_implement, refuse_changed, register
from semphase.verdict.registry import Golden, Line, Registry, holds_code, holds_rule

Write = Callable[[Sequence[Frozen], Path], list[Line]]


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


def re_implementing(files: Sequence[Path], run: Path) -> Registering:
    """Register the new claims of the files, and keep what a run found; SemphaseError where a claim finds another output."""
    document = read_report(run)

    def outputs(claims: Sequence[Frozen], known: Registry) -> dict[str, Golden]:
        judged = {own.id: [entry for entry in document["claims"] if entry["id"] == own.id] for own in claims}
        for own in claims:
            _require_judged_as_it_is(own, known, judged[own.id], run)
        return {own.id: outputs_of(own, judged[own.id], document) for own in claims}

    def write(claims: Sequence[Frozen], path: Path) -> list[Line]:
        return re_implement(claims, path, outputs(claims, registry.read(path)), shortest(run))

    def check(claims: Sequence[Frozen], known: Registry) -> None:
        found = outputs(claims, known)
        for own in claims:
            entered(own, known, found[own.id], shortest(run))

    return _each(files, write, check)


def _require_judged_as_it_is(own: Frozen, known: Registry, entries: Sequence[Entry], run: Path) -> None:
    line = known.latest(own.id)
    if line is None or not holds_rule(line, own) or holds_code(line, own):
        return
    if not any(entry.get("registration", {}).get("code") == own.code for entry in entries):
        raise SemphaseError(
            f"the code of {own.id} differs from its registration of {line.day}, and the run {shortest(run)} did not judge "
            "it as it is: judge it again"
        )


def _each(files: Sequence[Path], write: Write, check: Callable[[Sequence[Frozen], Registry], None]) -> Registering:
    found = find(files)
    if not found.declared:
        why = "; ".join(found.skipped)
        raise SemphaseError(f"no claim is declared in {', '.join(map(str, files))}{f' ({why})' if why else ''}")
    groups: dict[Path, list[Frozen]] = {}
    for one in found.declared:
        groups.setdefault(registry.beside(one.file), []).append(one.own)
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
    if line.reason.startswith("re-implemented"):
        return f"{line.id} {line.reason}"
    amended = (
        f", amended: {line.reason}" if line.reason and not line.golden else f", {line.reason}" if line.reason else ""
    )
    return f"registered {line.id}{amended}"
