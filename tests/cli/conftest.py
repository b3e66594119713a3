"""The command in subprocesses, as a user calls it, in a folder with two claims."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command import SOURCE, Ran, Run, document

import semphase
from semphase.report.json_report import to_json
from semphase.report.schema import Entry


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "test_a.py").write_text(SOURCE)
    return tmp_path


@pytest.fixture
def run(folder: Path) -> Run:
    """`run("list", "--json")` calls the command in the folder."""

    def call(*words: str, width: int = 100, **environment: str) -> Ran:
        # Nothing of the terminal in which the tests run counts.
        kept = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR", "TERM")}
        own = {"PYTHONPATH": str(Path(semphase.__path__[0]).parent), "COLUMNS": str(width)}
        command = [sys.executable, "-W", "error", "-m", "semphase", *words]
        done = subprocess.run(
            command,
            cwd=folder,
            env={**kept, **own, **environment},
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture
def report(folder: Path) -> Callable[..., Path]:
    """`report("reports/latest", entry(), …)` writes a report and returns its folder."""

    def write(name: str, *entries: Entry, **run: Any) -> Path:
        place = folder / name
        place.mkdir(parents=True)
        (place / "verdicts.json").write_text(to_json(document(*entries, **run)), encoding="utf-8")
        return place

    return write
