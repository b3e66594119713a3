"""A report and the same claims judged again: is it the same but for times and places?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from semphase.report.schema import Document, Entry, broke

RELATIVE, ABSOLUTE = 1e-6, 1e-9
"""How far numbers may differ: another machine rounds sums otherwise, and no verdict rests on less."""
_CIRCUMSTANTIAL = frozenset({"seconds", "figures", "outcome", "registration"})
"""What hangs on the clock, the disk, or on what somebody expects or registered."""


def unequal(found: Document, again: Document) -> Iterator[str]:
    """What differs, a sentence for each claim; claims that broke are left out, for nothing can be expected of them."""
    yield from _other_data(found, again)
    late = {(entry["id"], entry["model"]): entry for entry in again["claims"]}
    for entry in found["claims"]:
        own = late.pop((entry["id"], entry["model"]), None)
        if broke(entry):
            continue
        told = "was not judged again" if own is None else _difference(entry, own)
        if told:
            yield f"{_name(entry)} {told}"
    yield from (f"{_name(entry)} was judged again, and the archived report does not hold it" for entry in late.values())


def _other_data(found: Document, again: Document) -> Iterator[str]:
    """Models and data of the same name that hold something else."""
    first, second = found["run"], again["run"]
    hashes = {model["name"]: model.get("sha256") for model in second["models"]}
    for model in first["models"]:
        if model["name"] in hashes and hashes[model["name"]] != model.get("sha256"):
            yield f"the model {model['name']} has other weights here than in the archived run"
    for part in ("corpus", "lexicon"):
        early: Mapping[str, Any] = first.get(part) or {}  # type: ignore[assignment]
        late: Mapping[str, Any] = second.get(part) or {}  # type: ignore[assignment]
        if early and late and early.get("sha256") != late.get("sha256"):
            yield f"the {part} is another here than in the archived run"


def _difference(entry: Entry, again: Entry) -> str:
    if broke(again):
        return f"cannot be judged again: {again['reason']}"
    if entry["verdict"] != again["verdict"]:
        return f"is {entry['verdict']} in the archived report, and {again['verdict']} when judged again"
    early, late = entry.get("registration", {}), again.get("registration", {})
    for part in ("rule", "code"):
        if early.get(part) and early.get(part) != late.get(part):
            return f"was judged by another {part} than the archived claim has"
    for key in (*entry.keys(), *(own for own in again if own not in entry)):
        if key not in _CIRCUMSTANTIAL:
            told = _first(entry.get(key), again.get(key), key)
            if told:
                return told
    return ""


def _first(one: Any, other: Any, place: str) -> str:
    """The first place where two values differ, with both; empty where they are alike."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = [*one, *(key for key in other if key not in one)]
        each = (_first(one.get(key), other.get(key), f"{place}.{key}") for key in keys)
        return next(filter(None, each), "")
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        each = (_first(*pair, f"{place}[{number}]") for number, pair in enumerate(zip(one, other, strict=True)))
        return next(filter(None, each), "")
    return "" if _alike(one, other) else f"has {place} {_short(one)} in the archived report, and {_short(other)} again"


def _alike(one: Any, other: Any) -> bool:
    numbers = all(isinstance(own, int | float) and not isinstance(own, bool) for own in (one, other))
    return math.isclose(one, other, rel_tol=RELATIVE, abs_tol=ABSOLUTE) if numbers else one == other


def _short(value: Any) -> str:
    told = repr(value)
    return told if len(told) <= 60 else f"{told[:59]}…"


def _name(entry: Entry) -> str:
    return f"{entry['id']} on {entry['model']}" if entry["model"] else entry["id"]
