"""What a claim's code found, as a hash, and the circumstances under which it did: whether new code finds the same."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from semphase.report.schema import Entry, EstimateForm, UniversesForm, broke
from semphase.verdict.registry import UNIVERSES

DIGITS = 6
_PARTS = ("parts", "control_parts", "control_copies", "controls")


def golden_of(entry: Entry, run: Mapping[str, Any]) -> dict[str, str]:
    """The hash of the entry's output by that of its circumstances; empty where nothing comparable was found.

    What its universes came to has a hash of its own, so that a run without them can be compared with one that had them.

    `run` has models, corpus, lexicon, precision, budget and seed, as a report's `run` does.
    """
    replaced = entry.get("scope", {}).get("kind") == "other data"
    if broke(entry) or entry["verdict"] == "not-applicable" or replaced:
        return {}
    name = _hash(_circumstances(entry["model"], run))
    universes = {f"{name}{UNIVERSES}": _hash(_in_universes(entry["universes"]))} if "universes" in entry else {}
    return {name: _hash(_output(entry)), **universes}


def _circumstances(label: str | None, run: Mapping[str, Any]) -> Any:
    """Without a model nothing that a run could choose counts."""
    if label is None:
        return "no model"
    weights = {own["name"]: own.get("sha256") for own in run["models"]}
    models = [[name, weights.get(name)] for name in label.split("+")]
    data = [(run[name] or {}).get("sha256") for name in ("corpus", "lexicon")]
    return [
        models,
        data,
        (run["corpus"] or {}).get("name"),
        (run["precision"] or {}).get("dtype"),
        run["budget"],
        run["seed"],
    ]


def _output(entry: Entry) -> Any:
    detail = {name: own for name, own in entry["detail"].items() if name in _PARTS}
    return [entry["verdict"], entry["specific"], _numbers(entry["estimate"]), list(_estimates(detail))]


def _in_universes(found: UniversesForm) -> Any:
    """Why one does not apply is left out."""
    return [[own["name"], own["verdict"], own["point"], _numbers(own["estimate"])] for own in found["list"]]


def _estimates(told: Any, place: str = "") -> Iterator[Any]:
    """The verdict and the estimate of each part, of the model and of its controls, by its place."""
    if isinstance(told, Mapping):
        if "part" in told and "estimate" in told:
            yield [place, told["part"], told["criterion"], told["verdict"], _numbers(told["estimate"])]
            return
        for name, own in told.items():
            yield from _estimates(own, f"{place}/{name}")
    elif isinstance(told, list):
        for number, own in enumerate(told):
            yield from _estimates(own, f"{place}/{number}")


def _numbers(estimate: Mapping[str, Any] | EstimateForm | None) -> list[str] | None:
    """Value and ends to six digits of the largest of them, so that what is 0 but for rounding is 0."""
    if estimate is None:
        return None
    given = [estimate[name] for name in ("value", "low", "high")]
    numbers = [own if own is not None and math.isfinite(own) else None for own in given]
    largest = max((abs(own) for own in numbers if own is not None), default=0.0)
    places = DIGITS - 1 - math.floor(math.log10(largest)) if largest > 0 else 0
    return [str(None) if own is None else repr(round(float(own), places) + 0.0) for own in numbers]


def _hash(told: Any) -> str:
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]
