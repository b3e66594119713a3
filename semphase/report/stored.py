"""A report that was written before: found, read and checked."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NotRequired, get_origin, get_type_hints

from semphase.errors import SemphaseError
from semphase.report.schema import SCHEMA, Document, Entry, EstimateForm, Run, Summary, summary_of

FILE = "verdicts.json"
_NEW = frozenset({"specific", "p_decision", "strength", "firm", "nominal"})
"""Keys of version 2."""


def read_report(run: Path) -> Document:
    """The report in a folder or in a file; SemphaseError where there is none, or where it is broken or too new."""
    path = run / FILE if run.is_dir() else run
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as problem:
        why = getattr(problem, "strerror", None) or problem
        raise SemphaseError(f"there is no report to read at {path}: {why}") from problem
    except (json.JSONDecodeError, RecursionError) as problem:
        raise SemphaseError(f"the report {path} is broken ({problem}): judge the claims again") from problem
    _check(found, path)
    document: Document = found
    return document if found["schema"] > 1 else _renewed(document)


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


@cache
def _required(form: type, schema: int) -> frozenset[str]:
    """The keys that every report has; a TypedDict cannot tell itself where its annotations are strings."""
    hints = get_type_hints(form, include_extras=True)
    every = frozenset(key for key, hint in hints.items() if get_origin(hint) is not NotRequired)
    return every if schema > 1 else every - _NEW


def _renewed(document: Document) -> Document:
    """A report of version 1 as one of version 2, which says nothing of what nobody knew."""
    entries: list[Entry] = []
    for entry in document["claims"]:
        control = entry["control"]
        if control is not None:
            control = {**control, "estimate": _told(control["estimate"]), "relation": None, "contrast": None}
        estimate = None if entry["estimate"] is None else _told(entry["estimate"])
        new = {"estimate": estimate, "control": control, "specific": None, "p_decision": None, "strength": None}
        entries.append({**entry, **new})  # type: ignore[typeddict-item]
    return {**document, "claims": entries, "summary": summary_of(entries)}


def _told(estimate: EstimateForm) -> EstimateForm:
    return {**estimate, "population": [], "units": []}


def _check(found: Any, path: Path) -> None:
    if not isinstance(found, Mapping) or not isinstance(found.get("schema"), int):
        raise SemphaseError(f"{path} is no report of semphase: it names no schema")
    if found["schema"] > SCHEMA:
        raise SemphaseError(f"{path} has schema {found['schema']}, and this semphase reads {SCHEMA}: update it")
    forms: tuple[tuple[str, Any, frozenset[str]], ...] = (
        ("run", found.get("run"), _required(Run, found["schema"])),
        ("summary", found.get("summary"), _required(Summary, found["schema"])),
    )
    entries = found.get("claims")
    if not isinstance(entries, list):
        raise SemphaseError(f"the report {path} is broken: it has no list of claims")
    numbered = [
        (f"claim {number}", entry, _required(Entry, found["schema"])) for number, entry in enumerate(entries, 1)
    ]
    for name, form, keys in (*forms, *numbered):
        missing = sorted(keys - form.keys()) if isinstance(form, Mapping) else ["its keys"]
        if missing:
            raise SemphaseError(f"the report {path} is broken: {name} lacks {', '.join(missing)}")
