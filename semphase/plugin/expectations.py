"""What a claim is expected to be: recorded verdicts of earlier runs, else the published ones.

A record file `MODEL.toml` holds one `[[run]]` table for each corpus, lexicon, budget and seed, with the
verdicts of that run by claim id; for a model of one's own the table also has the hash of its weights, since a folder's name
says nothing.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import tomlkit

from semphase.errors import SemphaseError
from semphase.files import nearest, try_out, write_or_refuse
from semphase.verdict import Claim
from semphase.verdict.scope import Kind, models_of, reported

NO_MODEL = "no-model"
REPLICATED = frozenset({"gpt2", "gpt2-medium"})
_VERDICTS = ("supported", "refuted", "inconclusive", "not-applicable")


@dataclass(frozen=True, slots=True)
class RunKey:
    """What a recorded verdict depends on besides the model; `lexicon` is a SHA-256.

    `weights` are the SHA-256 of models of one's own, joined with "+", and empty for those that are known by name.
    """

    corpus: str
    lexicon: str
    budget: str
    seed: int
    weights: str = ""

    @property
    def told(self) -> dict[str, str | int]:
        """As a record has it."""
        return {name: value for name, value in asdict(self).items() if name != "weights" or value}


NO_CHOICE = RunKey("", "", "", 0)
"""The key of verdicts without a model, such as an audit's, which no option of a run can change."""


@dataclass(frozen=True, slots=True)
class Expected:
    """The verdict that a claim should have; `missing` where the run is recorded but this claim is not."""

    verdict: str
    origin: Literal["recorded", "published", "missing"]


def record_folders(root: Path) -> tuple[Path, ...]:
    """Where records are looked for: the project's own, then the package's."""
    package = Path(__file__).resolve().parents[1]
    return tuple(base / "expected" for base in (root / "fixtures", package / "_fixtures", package.parent / "fixtures"))


def check_records(root: Path) -> None:
    """Raise SemphaseError for a record of the project that cannot be read."""
    for path in sorted(record_folders(root)[0].glob("*.toml")):
        _read(path)


def require_recordable(root: Path) -> None:
    """Raise SemphaseError where the project's records cannot be written."""
    folder = record_folders(root)[0]
    try:
        try_out(nearest(folder))
    except OSError as problem:
        reason = problem.strerror or problem
        raise SemphaseError(f"verdicts cannot be recorded in {folder} ({reason}): leave out --accept") from problem


def expectation(claim: Claim, label: str, key: RunKey, folders: Sequence[Path], scope: Kind) -> Expected | None:
    """The expectation of a claim on a model (or models joined with "+"); None where nobody knows.

    A recorded verdict is expected of runs with its key, whose budget is part of it; a published one only of a run that
    measured on as much as the source did.
    """
    if claim.timed:
        return None
    recorded = _recorded(label, key, folders)
    if recorded is not None:
        verdict = recorded.get(claim.id)
        return Expected(verdict, "recorded") if verdict else Expected("", "missing")
    return _published(claim, label) if scope == "as published" and not key.weights else None


def record(label: str, key: RunKey, verdicts: Mapping[str, str], folder: Path) -> Path:
    """Write or update the record of one run; verdicts of claims that this run left out are kept."""
    path = folder / f"{file_name(label)}.toml"
    runs = _read(path) if path.exists() else []
    runs, old = [run for run in runs if not _is(run, key)], [run for run in runs if _is(run, key)]
    kept = old[0]["verdicts"] if old else {}
    runs.append({**key.told, "verdicts": dict(sorted({**kept, **verdicts}.items()))})
    runs.sort(key=lambda run: tuple(str(run.get(name, "")) for name in asdict(key)))
    write_or_refuse(path, tomlkit.dumps({"run": runs}).encode(), "the record")
    return path


def file_name(label: str) -> str:
    """The label as a file's stem."""
    return label.replace("/", "--") or NO_MODEL


def _recorded(label: str, key: RunKey, folders: Sequence[Path]) -> Mapping[str, str] | None:
    for folder in folders:
        path = folder / f"{file_name(label)}.toml"
        if path.is_file():
            return next((run["verdicts"] for run in _read(path) if _is(run, key)), None)
    return None


def _published(claim: Claim, label: str) -> Expected | None:
    source = reported(claim, label)
    if source is None or source[1].verdict == "partly":
        return None
    known = models_of(label) <= REPLICATED and models_of(source[0]) == models_of(label)
    return Expected(source[1].verdict, "published") if known else None


def _read(path: Path) -> list[dict[str, Any]]:
    """The runs of a record, read once while the file stays as it is: every claim asks for its own."""
    try:
        known = path.stat()
    except OSError as problem:
        raise SemphaseError(f"the recorded verdicts {path} cannot be read: {problem}") from problem
    return _parsed(path, known.st_mtime_ns, known.st_size)


@lru_cache(maxsize=16)
def _parsed(path: Path, _changed: int, _size: int) -> list[dict[str, Any]]:
    try:
        runs = tomllib.loads(path.read_text(encoding="utf-8")).get("run", [])
    except (ValueError, RecursionError, OSError) as problem:
        raise SemphaseError(f"the recorded verdicts {path} cannot be read: {problem}") from problem
    for run in runs:
        if not {"corpus", "lexicon", "budget", "seed", "verdicts"} <= set(run):
            raise SemphaseError(f"{path} holds a run without corpus, lexicon, budget, seed and verdicts")
        unknown = [verdict for verdict in run["verdicts"].values() if verdict not in _VERDICTS]
        if unknown:
            raise SemphaseError(f"{path} records {unknown[0]!r}: a verdict is one of {', '.join(_VERDICTS)}")
    return list(runs)


def _is(run: Mapping[str, Any], key: RunKey) -> bool:
    return all(run.get(name, "") == value for name, value in asdict(key).items())
