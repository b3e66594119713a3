"""Real pytest runs in subprocesses, on a study that costs nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest

import semphase

HERE = Path(__file__).parent / "plugin"
Make = Callable[..., "Project"]


@dataclass(frozen=True)
class Ran:
    """What a run left behind."""

    code: int
    out: str
    err: str
    document: dict[str, Any] | None

    @property
    def entries(self) -> dict[str, dict[str, Any]]:
        assert self.document is not None, self.out + self.err
        return {entry["id"]: entry for entry in self.document["claims"]}

    def word(self, name: str) -> str:
        """The word that pytest -v printed for a test."""
        found = re.search(rf"::{re.escape(name)} ([A-Z]+)", self.out)
        assert found, self.out
        return found[1]


@dataclass(frozen=True)
class Project:
    """A folder with tests, as a user of the plugin has it."""

    folder: Path

    def run(self, *options: str, width: int = 80, plugins: tuple[str, ...] = ()) -> Ran:
        loaded = [f"-p{name}" for name in ("semphase.plugin", *plugins)]
        command = [sys.executable, "-m", "pytest", "-v", "-pno:cacheprovider", *loaded, *options]
        # These tests may run in a worker themselves, which theirs must not take for their own.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}
        environment = {
            **inherited,
            "PYTHONPATH": str(Path(semphase.__path__[0]).parent),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "COLUMNS": str(width),
            # What one project keeps is no other's, but for the fonts, which take seconds to list.
            "XDG_CACHE_HOME": str(self.folder.with_name(f"{self.folder.name}-cache")),
            "MPLCONFIGDIR": mpl.get_cachedir(),
        }
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        written = self.report / "verdicts.json"
        document = json.loads(written.read_text(), parse_constant=pytest.fail) if written.exists() else None
        return Ran(done.returncode, done.stdout, done.stderr, document)

    @property
    def report(self) -> Path:
        return self.folder / "reports" / "latest"

    @property
    def opened(self) -> list[str]:
        """The labels of the studies that the last runs opened, in order."""
        log = self.folder / "opened.txt"
        return log.read_text().split() if log.exists() else []

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Makes a project with all stub claims, or with the given test file."""

    def project(source: str | None = None) -> Project:
        made = Project(tmp_path_factory.mktemp("project"))
        made.write("conftest.py", (HERE / "stub_conftest.py").read_text())
        made.write("stubs.py", (HERE / "stub_claims.py").read_text())
        made.write("pytest.ini", "[pytest]\naddopts = --strict-markers\nfilterwarnings = error\n")
        made.write("test_it.py", "from stubs import *\n" if source is None else source)
        return made

    return project
