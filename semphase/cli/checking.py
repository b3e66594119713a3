"""`semphase check`: does a registry still hold what a report or a git revision saw of it?"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from semphase.cli.listing import shortest
from semphase.errors import SemphaseError
from semphase.report.golden import golden_of
from semphase.report.schema import Document, RegistryForm
from semphase.report.stored import read_report
from semphase.verdict import registry
from semphase.verdict.registry import Registry, differs, kept_since

PROVES_NOTHING = "a head that was never published proves nothing"


@dataclass(frozen=True, slots=True)
class Checked:
    """A registry, how many of its lines somebody saw before, what is wrong with it, and what the check cannot show."""

    known: Registry
    against: str | None
    seen: int | None
    problems: tuple[str, ...]
    notices: tuple[str, ...]

    def form(self) -> dict[str, Any]:
        """For programs."""
        return {
            "registry": shortest(self.known.path),
            "head": self.known.head,
            "length": len(self.known.lines),
            "against": self.against,
            "seen": self.seen,
            "ok": not self.problems,
            "problems": list(self.problems),
            "notices": list(self.notices),
        }

    def __rich__(self) -> RenderableType:
        """What holds, and what nobody vouches for; the command says as its error what does not hold."""
        told = [] if self.problems else [Text(_words(self), style="green")]
        return Group(*told, *(Text(f"note: {notice}", style="yellow") for notice in self.notices))


def checking(place: Path, against: str) -> Checked:
    """Compare the registry at a place with what a report or a revision saw; with the chain of its lines alone for none.

    Raises SemphaseError where there is no registry, and where nothing can be compared with.
    """
    path = place / registry.NAME if place.is_dir() else place
    if not path.is_file():
        raise SemphaseError(f"there is no registry at {shortest(path)}: name a registry.jsonl or its folder")
    try:
        known = registry.read(path)
    except SemphaseError as problem:
        return Checked(Registry(path), against or None, None, (str(problem),), ())
    if not against:
        alone = f"nothing was compared, and {PROVES_NOTHING}: name a report or a revision that others hold, --against"
        found = Checked(known, None, None, (), (alone,))
    else:
        found = _with_report(known, against) if Path(against).exists() else _with_revision(known, against)
    return replace(found, problems=(*found.problems, *_misdated(known)))


def _misdated(known: Registry) -> list[str]:
    told = registry.misdated(known, datetime.now(UTC))
    return [f"{shortest(known.path)}: {why} ({line.id or 'a remark'})" for _, line, why in told]


def _with_report(known: Registry, against: str) -> Checked:
    document = read_report(Path(against))
    forms = document["run"].get("registry", {})
    if not forms:
        raise SemphaseError(f"the report {against} saw no registry: compare with another, or with a revision")
    form = _form(known, forms, against)
    head, length = form["head"], form["length"]
    if length > len(known.lines):
        problem = f"the tail was cut: {_lines(length)} stood there, {_lines(len(known.lines))} stand there now"
    elif not known.holds(head, length):
        problem = (
            f"line {length} is not the one that stood there, and each line holds the hash of the one before it: a line was "
            "edited, or the log was written anew"
        )
    else:
        problem = ""
    found = _checked(known, against, length, problem, "the report proves as much as whoever kept it")
    return replace(found, problems=(*found.problems, *_other_outputs(known, document, length, against)))


def _other_outputs(known: Registry, document: Document, length: int, against: str) -> list[str]:
    """Claims of which the report holds another output than the registry kept for them, then or later."""
    told = []
    for entry in document["claims"]:
        found, rule = golden_of(entry, document["run"]), entry.get("registration", {}).get("rule")
        lines = [line for line in kept_since(known, entry["id"], length) if line.rule == rule]
        compared = [line for line in lines if any(name in (line.golden or {}) for name in found)]
        if compared and all(differs(line.golden, found) for line in compared):
            told.append(
                f"the report {against} holds another output of {entry['id']} than the one that was kept on {compared[0].day}"
            )
    return list(dict.fromkeys(told))


def _form(known: Registry, forms: Mapping[str, RegistryForm], against: str) -> RegistryForm:
    """What the report says of this registry: under its path, or of the only one that it knows."""
    place = known.path.resolve().as_posix()
    named = [name for name in forms if place == name or place.endswith(f"/{name}")]
    best = max(named, key=len, default=next(iter(forms)) if len(forms) == 1 else None)
    if best is None:
        raise SemphaseError(f"the report {against} saw no registry of this path; it saw {', '.join(forms)}")
    return forms[best]


def _with_revision(known: Registry, against: str) -> Checked:
    name, folder = known.path.name, known.path.resolve().parent
    # What begins with a dash is no option of git's here.
    revision = (
        _git(folder, against, "rev-parse", "--verify", "--end-of-options", f"{against}^{{commit}}").decode().split()[-1]
    )
    before = registry.parse(_git(folder, against, "show", f"{revision}:./{name}"), Path(against, name))
    differing = [place for place, own in enumerate(before.hashes[: len(known.hashes)]) if known.hashes[place] != own]
    problem = ""
    if differing:
        first = differing[0]
        how = "a line was edited" if first and len(differing) == 1 else "the log was written anew from there on"
        problem = f"line {first + 1} ({before.lines[first].id or 'a remark'}) is not the one that stood there: {how}"
    elif len(before.lines) > len(known.lines):
        gone = [line.id or "a remark" for line in before.lines[len(known.lines) :]]
        problem = f"the tail was cut: {_lines(len(gone))} gone ({', '.join(gone[:3])}{', …' if len(gone) > 3 else ''})"
    published = _git(folder, against, "branch", "--remotes", "--contains", revision).strip()
    notice = "" if published else f"{against} is on no remote branch that this clone knows, and {PROVES_NOTHING}"
    return _checked(known, against, len(before.lines), problem, notice)


def _checked(known: Registry, against: str, length: int, problem: str, notice: str) -> Checked:
    more = len(known.lines) - length
    later = f"{_lines(more)} came later, for which this comparison does not vouch" if more > 0 and not problem else ""
    problems = (f"{shortest(known.path)} against {against}: {problem}",) if problem else ()
    return Checked(known, against, length, problems, tuple(filter(None, (later, notice))))


def _words(found: Checked) -> str:
    known = found.known
    if found.seen is None:
        return (
            f"{shortest(known.path)}: {_lines(len(known.lines))}, each follows from the one before; head {known.head}"
        )
    return f"OK: {shortest(known.path)} holds the {_lines(found.seen)} that {found.against} saw; head {known.head}"


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count} lines"


def _git(folder: Path, against: str, *words: str) -> bytes:
    git = shutil.which("git")
    if git is None:
        raise SemphaseError(
            f"{against} is no report, and without git no revision can be read: name the folder of a report"
        )
    command = [git, "-C", str(folder), *words]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)  # noqa: S603
    if done.returncode:
        why = done.stderr.decode(errors="replace").strip().splitlines()
        told = f"{against} is no report, and no revision of git that holds {registry.NAME} here"
        raise SemphaseError(f"{told} ({why[0] if why else 'git failed'})")
    return done.stdout
