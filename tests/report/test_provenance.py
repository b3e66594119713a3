"""Where a report says it comes from."""

from __future__ import annotations

import importlib.metadata
import subprocess
from pathlib import Path

import pytest

from semphase.machine import hardware
from semphase.report.provenance import git_state, versions


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *identity, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_git_tells_revision_and_changes(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert git_state(tmp_path) is None
    (tmp_path / "file").write_text("a")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-q", "-m", "first")
    revision = git(tmp_path, "rev-parse", "HEAD")
    assert git_state(tmp_path) == {"revision": revision, "dirty": False}
    (tmp_path / "file").write_text("b")
    assert git_state(tmp_path) == {"revision": revision, "dirty": True}


def test_no_git_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert git_state(tmp_path) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_state(Path(__file__).parent) is None


def test_versions_are_those_installed() -> None:
    found = versions()
    assert found["numpy"] == importlib.metadata.version("numpy")
    assert {"python", "scipy", "statsmodels", "pytest"} <= set(found)


def test_hardware_is_described() -> None:
    found = hardware()
    assert set(found) == {"cpu", "cores", "memory", "gpu", "system"}
    assert found["cores"] >= 1
    assert found["memory"] is None or found["memory"] > 2**20
