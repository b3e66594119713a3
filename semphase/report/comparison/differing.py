"""What differed between two runs, apart from their verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from semphase.report.comparison.matching import Names, Pair
from semphase.report.json_report import dumps
from semphase.report.schema import Document, Run
from semphase.report.wording import NOTHING

_HASH = 12
_PLAIN = ("device", "seed", "budget")
_KEYS = {
    "precision": ("dtype", "matmul_mantissa_bits"),
    "corpus": ("name", "sha256", "tokens"),
    "lexicon": ("sha256", "words"),
    "hardware": ("cpu", "cores", "gpu", "system"),
    "git": ("revision", "dirty"),
}
_OF_MODEL = ("sha256", "dtype", "processing", "prepend_bos", "layers", "heads", "d_model")


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that was otherwise, in the words of each run."""

    what: str
    before: str
    after: str


def of_runs(before: Document, after: Document, names: Names) -> Iterator[Difference]:
    """Of the runs: models, data, budget, seed, precision, machine, versions, code, registries."""
    first, second = before["run"], after["run"]
    if before["schema"] != after["schema"]:
        yield Difference("schema", str(before["schema"]), str(after["schema"]))
    yield from _of_models(first, second, names)
    yield from _unequal(first, second, _PLAIN)
    for part, keys in _KEYS.items():
        yield from _unequal(_part(first, part), _part(second, part), keys, f"{part} ")
    packages = sorted({*first["versions"], *second["versions"]})
    yield from _unequal(first["versions"], second["versions"], packages, "version of ")
    early, late = _part(first, "registry"), _part(second, "registry")
    for path in sorted({*early, *late}):
        yield from _unequal(early.get(path, {}), late.get(path, {}), ("head", "length"), f"registry {path} ")


def of_claim(pair: Pair) -> list[str]:
    """Of what is claimed: its rule, its code, and on how much it was judged."""
    before, after = pair.before, pair.after
    if before is None or after is None:
        return []
    told = []
    early, late = before.get("registration", {}), after.get("registration", {})
    known = early.get("rule") and late.get("rule")
    if before["criterion"] != after["criterion"] or (known and early.get("rule") != late.get("rule")):
        told.append("another rule")
    if early.get("code") and late.get("code") and early.get("code") != late.get("code"):
        told.append("other code")
    if early.get("status") != late.get("status") and early and late:
        told.append(f"{early.get('status')} → {late.get('status')}")
    scopes = [own.get("scope", {}).get("kind") for own in (before, after)]
    if None not in scopes and scopes[0] != scopes[1]:
        told.append(f"scope {scopes[0]} → {scopes[1]}")
    return told


def _of_models(first: Run, second: Run, names: Names) -> Iterator[Difference]:
    old: dict[str, Mapping[str, Any]] = {model["name"]: model for model in first["models"]}
    new: dict[str, Mapping[str, Any]] = {model["name"]: model for model in second["models"]}
    # Models that were loaded and not judged are called as they are.
    called = {name: name for name in old if name in new and name not in names.values()} | names
    for name, model in old.items():
        twin = called.get(name)
        if twin != name:
            yield Difference("model", name, twin or NOTHING)
        if twin in new:
            yield from _unequal(model, new[twin], _OF_MODEL, f"{name if twin == name else f'{name} → {twin}'} ")
    yield from (Difference("model", NOTHING, name) for name in new if name not in called.values())


def _unequal(
    before: Mapping[str, Any] | Run, after: Mapping[str, Any] | Run, keys: Any, what: str = ""
) -> Iterator[Difference]:
    for key in keys:
        first, second = before.get(key), after.get(key)
        if first != second:
            yield Difference(f"{what}{key}", _short(key, first), _short(key, second))


def _part(run: Run, name: str) -> Mapping[str, Any]:
    found: Any = run.get(name)
    return found if isinstance(found, dict) else {}


def _short(key: str, value: Any) -> str:
    """In one line; hashes by their beginning."""
    told = NOTHING if value is None else value if isinstance(value, str) else dumps(value)
    told = " ".join(str(told).split())
    return told[:_HASH] if key in ("sha256", "revision", "head") else told if len(told) <= 80 else f"{told[:79]}…"
