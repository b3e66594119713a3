"""`semphase check ARCHIVE`: are the files those that were packed, and do the claims come out of them again?"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from semphase.cli.checking import checking
from semphase.errors import SemphaseError
from semphase.report.again import unequal
from semphase.report.archive import REPORT, report_in, settings_in, unpack
from semphase.report.schema import Document, broke, summary_of
from semphase.report.stored import read_report
from semphase.report.wording import summary_line

_FORMAT = 1
_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "models": list, "files": list, "claims": list, "prompts": list, "dtype": str, "bos": str, "budget": str,
    "importmode": str, "seed": int, "universes": bool, "device": (str, type(None)), "corpus": (str, type(None)),
    "lexicon": (str, type(None)), "inifile": (str, type(None)), "memory": (int, type(None)),
}  # fmt: skip
_PREFIX = "--semphase-"
_ALONE = "PYTEST_DISABLE_PLUGIN_AUTOLOAD"


@dataclass(frozen=True, slots=True)
class Again:
    """What to take for the models and the text that an archive only names."""

    models: tuple[str, ...] = ()
    corpus: str | None = None


@dataclass(frozen=True, slots=True)
class CheckedArchive:
    """An archive, what is wrong with it, and what the check did not look at."""

    place: Path
    document: Document
    judged: bool
    problems: tuple[str, ...]
    notices: tuple[str, ...]

    def form(self) -> dict[str, Any]:
        """For programs."""
        return {
            "archive": str(self.place),
            "run": self.document["run"]["id"],
            "claims": len(self.document["claims"]),
            "judged": self.judged,
            "ok": not self.problems,
            "problems": list(self.problems),
            "notices": list(self.notices),
        }

    def __rich__(self) -> RenderableType:
        """What holds, and what was not looked at; the command says as its error what does not hold."""
        how = "judged again from the stored measurements, they are the same" if self.judged else "not judged again"
        told = (
            [] if self.problems else [f"OK: {self.place}: every file is as packed; {how}", summary_line(self.document)]
        )
        shown = (Text(line, style="green") for line in told)
        return Group(*shown, *(Text(f"note: {notice}", style="yellow") for notice in self.notices))


def checking_archive(place: Path, again: Again | None) -> CheckedArchive:
    """Compare an archive with its own hashes, its registries with its report, and its verdicts with those judged again.

    Nothing is judged without `again`, nor where a file is not as it was packed: code from an archive runs only after
    that. SemphaseError where the archive cannot be read, or judged on this machine.
    """
    with tempfile.TemporaryDirectory(prefix="semphase-") as scratch:
        folder = Path(scratch)
        problems = unpack(place, folder)
        if problems:
            return CheckedArchive(place, _report_or_refuse(place, problems), False, tuple(problems), ())
        document = read_report(folder / REPORT)
        registries = [checking(path, str(folder / REPORT)) for path in sorted(folder.glob("project/**/registry.jsonl"))]
        problems = [own.replace(f"{folder}/", "") for found in registries for own in found.problems]
        notices = list(_unvouched(document, len(registries)))
        judges = again is not None and not problems and any(not broke(entry) for entry in document["claims"])
        if judges and again is not None:
            problems += unequal(document, _judged_again(folder, _settings(place), again))
        problems += _miscounted(document, again)
    return CheckedArchive(place, document, judges, tuple(problems), tuple(notices))


def _report_or_refuse(place: Path, problems: Sequence[str]) -> Document:
    """The report for the answer; where it cannot be read, what is wrong is the refusal."""
    try:
        return report_in(place)
    except SemphaseError:
        raise SemphaseError("; ".join(problems)) from None


def _miscounted(document: Document, again: Again | None) -> Iterator[str]:
    """What the report says of its claims together, and that no claim can be looked at where all are to be."""
    if document["summary"] != summary_of(document["claims"]):
        yield "the summary in the report is not the count of its claims"
    if again is not None and document["claims"] and all(map(broke, document["claims"])):
        yield "every claim broke in the archived run, so none can be judged again"


def _unvouched(document: Document, registries: int) -> Iterator[str]:
    broken = [entry["id"] for entry in document["claims"] if broke(entry)]
    if broken:
        yield f"{len(broken)} broke in the archived run and cannot be compared: {', '.join(broken[:3])}" + (
            ", …" if len(broken) > 3 else ""
        )
    if not registries and document["claims"]:
        yield "the archive holds no registry: nothing says since when the claims were registered"


def _settings(place: Path) -> dict[str, Any]:
    """How the run was made; SemphaseError for what no run writes."""
    found = settings_in(place)
    if found.get("format") != _FORMAT:
        raise SemphaseError(
            f"the archive {place} has format {found.get('format')!r}, and this semphase reads {_FORMAT}"
        )
    wrong = [key for key, kind in _KINDS.items() if key not in found or not isinstance(found[key], kind)]
    texts = [own for key in ("models", "files", "claims", "prompts") for own in found.get(key, ())]
    if wrong or not all(isinstance(own, str) for own in texts):
        raise SemphaseError(f"the archive {place} is broken: its settings lack {', '.join(wrong) or 'names'}")
    return found


def _judged_again(folder: Path, settings: Mapping[str, Any], again: Again) -> Document:
    """The report of the same claims from the archive's measurements alone; SemphaseError where there is none."""
    project, out = folder / "project", folder / "again"
    command = [sys.executable, "-m", "pytest", *_pytest(project, settings), *_options(folder, out, settings, again)]
    (folder / "empty.ini").write_text("[pytest]\n")
    kept = {key: own for key, own in os.environ.items() if not key.startswith(("PYTEST_ADDOPTS", "PYTEST_XDIST"))}
    done = subprocess.run(  # noqa: S603
        command, cwd=project, env=kept, capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    if not (out / "verdicts.json").is_file():
        raise SemphaseError(f"the claims of the archive cannot be judged again: {_why(done)}")
    return read_report(out)


def _pytest(project: Path, settings: Mapping[str, Any]) -> Iterator[str]:
    ini = project / settings["inifile"] if settings["inifile"] else project.parent / "empty.ini"
    yield from (str(_inside(project, name)) for name in settings["files"])
    yield from (f"--rootdir={project}", "-c", str(_inside(project.parent, str(ini))), "-o", "addopts=")
    yield from (f"--import-mode={settings['importmode']}", "-q", "-p", "no:cacheprovider")
    yield from (("-p", "semphase.plugin") if os.environ.get(_ALONE) else ())


def _options(folder: Path, out: Path, settings: Mapping[str, Any], again: Again) -> Iterator[str]:
    """The options of the run as the archive has them."""
    device = settings["device"] or "cpu"
    told: dict[str, Any] = {
        "budget": settings["budget"], "seed": settings["seed"], "dtype": settings["dtype"],
        "bos": settings["bos"], "memory": settings["memory"], "corpus": again.corpus or settings["corpus"],
        "device": "cpu" if device == "cpu" else "auto", "out": out, "store": folder / "store", "sealed": device,
    }  # fmt: skip
    several = {
        "model": again.models or settings["models"],
        "claims": settings["claims"],
        "prompts": [_inside(folder, name) for name in settings["prompts"]],
        "lexicon": [_inside(folder, settings["lexicon"])] if settings["lexicon"] else [],
    }
    yield from (f"{_PREFIX}{name}={own}" for name, own in told.items() if own is not None)
    yield from (f"{_PREFIX}{name}={own}" for name, each in several.items() for own in each)
    yield _PREFIX + ("universes" if settings["universes"] else "no-universes")


def _inside(folder: Path, name: str) -> Path:
    """A path in the folder; SemphaseError for one that leads out of it."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise SemphaseError(f"the archive names {name}, which lies outside of it")
    return path


def _why(done: subprocess.CompletedProcess[str]) -> str:
    """What pytest said last of an error, else how it ended."""
    lines = [line.strip() for line in (*done.stdout.splitlines(), *done.stderr.splitlines()) if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith(("ERROR: ", "E  "))]
    return next(iter(errors), lines[-1] if lines else f"pytest ended with {done.returncode}")
