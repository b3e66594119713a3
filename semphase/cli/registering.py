"""`semphase register`: claims are appended to the registry beside their file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
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
from semphase.verdict.registration import KEPT, amend, entered, re_implement, refuse_changed, register
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


def amending(files: Sequence[Path], reason: str, run: Path | None = None) -> Registering:
    """Register the changed claims of the files too, with the reason; with a run those whose output did as well."""
    if not reason.strip():
        raise SemphaseError('an amendment needs its reason: --amend --reason "WHY"')
    if run is None:
        return _each(files, lambda claims, path: amend(claims, path, reason), lambda *_: None)
    found = Outputs(run)

    def write(claims: Sequence[Frozen], path: Path) -> list[Line]:
        return amend(claims, path, reason, found.of(claims))

    told = _each(files, write, lambda claims, _: found.look(claims), found.unjudged)
    return replace(told, notices=(*told.notices, *found.unjudged()))


def re_implementing(files: Sequence[Path], run: Path) -> Registering:
    """Register the new claims of the files, and keep what a run found; SemphaseError where a claim finds another output."""
    found = Outputs(run)

    def write(claims: Sequence[Frozen], path: Path) -> list[Line]:
        return re_implement(claims, path, found.of(claims), found.name)

    def check(claims: Sequence[Frozen], known: Registry) -> None:
        found.look(claims)
        for own, output in zip(claims, found.of(claims).values(), strict=True):
            found.require_judged_as_it_is(own, known)
            entered(own, known, output, found.name)

    told = _each(files, write, check, found.unjudged)
    return replace(told, notices=(*told.notices, *found.unjudged()))


class Outputs:
    """What a stored run found for claims as they are."""

    def __init__(self, run: Path) -> None:
        self.name = shortest(run)
        self.document = read_report(run)
        self.seen: dict[str, bool] = {}
        """Of every claim that was looked up, did the run judge it?"""

    def look(self, claims: Sequence[Frozen]) -> None:
        """Note which claims the run judged."""
        self.seen |= {own.id: bool(self._entries(own)) for own in claims}

    def of(self, claims: Sequence[Frozen]) -> dict[str, Golden]:
        """The outputs of claims, by id."""
        return {own.id: outputs_of(own, self._entries(own), self.document) for own in claims}

    def unjudged(self) -> list[str]:
        """A sentence on the claims that the run did not judge; SemphaseError where it judged none of them."""
        gone = [name for name, judged in self.seen.items() if not judged]
        if not gone:
            return []
        more = f" and {len(gone) - 3} more" if len(gone) > 3 else ""
        told = f"the run {self.name} did not judge {', '.join(gone[:3])}{more}"
        if len(gone) == len(self.seen):
            raise SemphaseError(f"{told}: judge them, or leave --run out")
        return [f"{told}, so nothing of theirs is kept"]

    def require_judged_as_it_is(self, own: Frozen, known: Registry) -> None:
        """SemphaseError where the run judged the claim as it no longer is, and its output would be kept for what it is."""
        line, entries = known.latest(own.id), self._entries(own)
        if line is not None and not holds_rule(line, own):
            return  # which is told as such
        changed = line is not None and not holds_code(line, own)
        told = [entry.get("registration", {}) for entry in entries]
        if (entries or changed) and not any((own.rule, own.code) == (one.get("rule"), one.get("code")) for one in told):
            why = f"the code of {own.id} differs from its registration of {line.day}, and " if line and changed else ""
            raise SemphaseError(
                f"{why}the run {self.name} did not judge {'it' if why else own.id} as it is: judge it again"
            )

    def _entries(self, own: Frozen) -> list[Entry]:
        return [entry for entry in self.document["claims"] if entry["id"] == own.id]


def _each(
    files: Sequence[Path],
    write: Write,
    check: Callable[[Sequence[Frozen], Registry], None],
    checked: Callable[[], Any] = lambda: None,
) -> Registering:
    """Write the claims of the files into their registries, when all are checked."""
    found = find(files)
    if not found.declared:
        why = "; ".join(found.skipped)
        raise SemphaseError(f"no claim is declared in {', '.join(map(str, files))}{f' ({why})' if why else ''}")
    groups: dict[Path, list[Frozen]] = {}
    for one in found.declared:
        groups.setdefault(registry.beside(one.file), []).append(one.own)
    for path, claims in groups.items():
        check(claims, registry.read(path))
    checked()
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
    kept = line.golden and line.reason.startswith(KEPT)
    why = f"{', ' if kept else ', amended: '}{line.reason}" if line.reason else ""
    return f"registered {line.id}{why}"
