"""Registration: what a claim says is frozen before it is measured.

`registered.toml` holds for every claim id the fingerprint of its statement, criterion, thresholds, estimator
and unit. A claim that must change gets a new id, or an amendment with date and reason, written by hand:

    ["group.name"]
    hash = "…"
    amendments = [{ date = "2026-01-31", reason = "why", hash = "…" }]

`python -m semphase.verdict.registration` checks a folder of claims; with `--add` it registers new ids and
refuses to touch the old ones.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

from semphase.errors import SemphaseError
from semphase.verdict.claim import Claim
from semphase.verdict.quoting import quoted

HEAD = "# What every claim said when it was registered; see semphase/verdict/registration.py.\n"


def check_registration(claims: Sequence[Claim], path: Path) -> list[str]:
    """What is wrong between the claims and their registration, a sentence each; empty if nothing is."""
    registered = read(path)
    present = {claim.id for claim in claims}
    problems = [f"two claims have the id {name}" for name in _repeated([claim.id for claim in claims])]
    problems += [difference for claim in claims if (difference := _difference(claim, registered)) is not None]
    gone = sorted(set(registered) - present)
    problems += [f"{name} is registered but no longer judged" for name in gone]
    return problems + [flaw for name, row in registered.items() for flaw in _unsound(name, row)]


def add(claims: Sequence[Claim], path: Path) -> list[str]:
    """Register the claims whose ids are new; returns these ids.

    Raises SemphaseError, and writes nothing, if a registered claim has changed.
    """
    registered = read(path) if path.exists() else {}
    changed = [claim.id for claim in claims if claim.id in registered and _difference(claim, registered)]
    if changed:
        raise SemphaseError(
            f"{', '.join(changed)} differs from its registration: use a new id, or amend {path.name} by hand"
        )
    new = [claim for claim in claims if claim.id not in registered]
    fresh = {claim.id: {"hash": claim.fingerprint(), "amendments": []} for claim in new}
    if fresh:
        rows = {**registered, **fresh}
        _write(path, HEAD + "".join(_table(name, rows[name]) for name in sorted(rows)))
    return sorted(fresh)


def read(path: Path) -> dict[str, dict[str, Any]]:
    """The rows of a registration file by claim id."""
    try:
        rows: dict[str, dict[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise SemphaseError(f"the registration {path} cannot be read: {problem}") from problem
    for name, row in rows.items():
        if not isinstance(row, dict) or not isinstance(row.get("hash"), str):
            raise SemphaseError(f"the registration {path} has no hash for {name}")
    return rows


def claims_in(folder: Path) -> list[Claim]:
    """Every claim that the test files of a folder declare, in order of file and line."""
    paths = sorted(folder.glob("test_*.py"))
    with _importable(folder):
        modules = [_import(path) for path in paths]
    return [claim for module in modules for claim in _declared(module)]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m semphase.verdict.registration", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("folder", nargs="?", default="claims", type=Path, help="default: claims")
    parser.add_argument("--add", action="store_true", help="register the claims whose ids are new")
    asked = parser.parse_args(arguments)
    path = asked.folder / "registered.toml"
    try:
        claims = claims_in(asked.folder)
        for name in add(claims, path) if asked.add else ():
            print(f"registered {name}")
        problems = check_registration(claims, path)
    except SemphaseError as error:
        problems = [str(error)]
    for problem in problems:
        print(f"ERROR: {problem}", file=sys.stderr)
    return 1 if problems else 0


def _difference(claim: Claim, registered: Mapping[str, Mapping[str, Any]]) -> str | None:
    row = registered.get(claim.id)
    if row is None:
        return f"{claim.id} is not registered: run python -m semphase.verdict.registration --add"
    hashes = [row["hash"], *(amendment.get("hash") for amendment in row.get("amendments", ()))]
    if claim.fingerprint() == hashes[-1]:
        return None
    return (
        f"{claim.id} differs from its registration: give it a new id, or add an amendment with date, reason"
        f' and hash = "{claim.fingerprint()}"'
    )


def _unsound(name: str, row: Mapping[str, Any]) -> Iterator[str]:
    for amendment in row.get("amendments", ()):
        if not _is_date(amendment.get("date")):
            yield f"an amendment of {name} has no date like 2026-01-31"
        if not str(amendment.get("reason", "")).strip():
            yield f"an amendment of {name} gives no reason"
        if not isinstance(amendment.get("hash"), str):
            yield f"an amendment of {name} has no hash"


def _is_date(value: object) -> bool:
    if isinstance(value, date):
        return True
    with contextlib.suppress(ValueError, TypeError):
        return bool(date.fromisoformat(value))  # type: ignore[arg-type]
    return False


def _repeated(ids: Sequence[str]) -> list[str]:
    return sorted({name for name in ids if ids.count(name) > 1})


def _table(name: str, row: Mapping[str, Any]) -> str:
    amendments = ", ".join(
        "{ " + ", ".join(f"{key} = {quoted(str(value))}" for key, value in amendment.items()) + " }"
        for amendment in row.get("amendments", ())
    )
    return f"\n[{quoted(name)}]\nhash = {quoted(row['hash'])}\namendments = [{amendments}]\n"


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as problem:
        raise SemphaseError(f"the registration {path} cannot be written: {problem}") from problem


@contextlib.contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """The folder's modules can import their neighbours, as under pytest."""
    added = [str(folder.resolve().parent), str(folder.resolve())]
    sys.path[:0] = added
    try:
        yield
    finally:
        for path in added:
            sys.path.remove(path)


def _import(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"_registered_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _declared(module: ModuleType) -> Iterator[Claim]:
    for value in vars(module).values():
        for mark in getattr(value, "pytestmark", ()):
            if mark.name == "claim" and getattr(value, "__module__", None) == module.__name__:
                yield mark.args[0]


if __name__ == "__main__":
    sys.exit(main())
