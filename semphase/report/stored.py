"""A report that was written before: found, read and checked."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from semphase.errors import SemphaseError
from semphase.files import short
from semphase.report.form import misfits
from semphase.report.schema import SCHEMA, DetailForm, Document, Entry, Run, Summary

FILE = "verdicts.json"
_SECOND = frozenset({"p_decision", "strength", "specific", "firm", "nominal", "population", "units"})
"""Keys of entries, estimates and the summary that reports have had since schema 2."""


ARCHIVED = b"PK"
"""What the files of zip begin with."""


def read_report(run: Path) -> Document:
    """The report in a folder or in a file; SemphaseError where there is none, or where it is broken or too new."""
    path = run
    try:
        path = run / FILE if run.is_dir() else run
        content = path.read_bytes()
    except OSError as problem:
        raise SemphaseError(f"there is no report to read at {short(path)}: {problem.strerror or problem}") from problem
    return parse_report(content, path)


def parse_report(content: bytes, path: object) -> Document:
    """The report that a file holds; SemphaseError, naming its path, where it is broken or too new."""
    try:
        found = json.loads(content.decode(), parse_constant=_refuse)
    except UnicodeDecodeError as problem:
        told = "a ZIP file by another name, or a part of one" if content[:2] == ARCHIVED else problem
        raise SemphaseError(f"there is no report to read at {short(path)}: {told}") from problem
    except (ValueError, RecursionError) as problem:
        raise SemphaseError(f"the report {path} is broken ({problem}): judge the claims again") from problem
    _check(found, path)
    document: Document = found
    return document


def _refuse(constant: str) -> None:
    raise ValueError(f"it holds {constant}, which is no number")


def entries_of(document: Document, claim: str) -> list[Entry]:
    """The entries of a claim, one for each model; SemphaseError that names the nearest claim where there is none."""
    entries = [entry for entry in document["claims"] if entry["id"] == claim]
    if not entries:
        judged = list(dict.fromkeys(entry["id"] for entry in document["claims"]))
        raise SemphaseError(f"the run judged no claim {claim!r}{nearest(claim, judged)}")
    return entries


def nearest(name: str, names: Iterable[str]) -> str:
    """The end of a sentence on a name that is not there: the name that was meant, if one is near."""
    listed = list(names)
    by_last = {one.rpartition(".")[2]: one for one in listed}
    close = difflib.get_close_matches(name, listed, n=1) or [
        by_last[last] for last in difflib.get_close_matches(name.rpartition(".")[2], by_last, n=1)
    ]
    return f"; did you mean {close[0]}?" if close else f"; it knows {_some(listed)}"


def _some(names: list[str]) -> str:
    if not names:
        return "none"
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _check(found: Any, path: object) -> None:
    """SemphaseError, naming the key, for what is no report of ours."""
    if not isinstance(found, dict) or type(found.get("schema")) is not int:
        raise SemphaseError(f"{path} is no report of semphase: it names no schema")
    if found["schema"] > SCHEMA:
        raise SemphaseError(f"{path} has schema {found['schema']}, and this semphase reads {SCHEMA}: update it")
    if not isinstance(found.get("claims"), list):
        raise SemphaseError(f"the report {path} is broken: it has no list of claims")
    wrong = next(_misfits(found, _SECOND if found["schema"] < SCHEMA else frozenset()), None)
    if wrong is not None:
        raise SemphaseError(f"the report {path} is broken: {wrong}")


def _misfits(found: dict[str, Any], absent: frozenset[str]) -> Iterator[str]:
    yield from misfits(found.get("run"), Run, "run", absent)
    yield from misfits(found.get("summary"), Summary, "summary", absent)
    for number, entry in enumerate(found["claims"], 1):
        yield from misfits(entry, Entry, f"claim {number}", absent)
        yield from misfits(entry["detail"], DetailForm, f"claim {number}.detail", absent)
