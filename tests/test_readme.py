"""The README's example, run as a user would: the built wheel, a test file of their own, a folder of their own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def example() -> str:
    blocks = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    (found,) = [block for block in blocks if block.startswith("# test_mine.py")]
    return found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built and unpacked as `pip install .` would."""
    place = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(place), str(ROOT)], check=True)
    (wheel,) = place.glob("semphase-*.whl")
    target = place / "site"
    subprocess.run([*pip, "install", "-q", "--no-deps", "--target", str(target), str(wheel)], check=True)
    return target


def test_the_example_is_short() -> None:
    assert len(example().splitlines()) < 25


@pytest.mark.slow
def test_the_example_gets_a_table_and_a_report(site: Path, tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(example(), encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(site), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "test_mine.py", "--budget", "quick", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    assert "mine.words-agree" in done.stdout
    report = json.loads((tmp_path / "reports/latest/verdicts.json").read_text(encoding="utf-8"))
    (entry,) = report["claims"]
    assert entry["id"] == "mine.words-agree"
    assert entry["verdict"] in ("supported", "refuted", "inconclusive")
    assert entry["estimate"]["low"] <= entry["estimate"]["value"] <= entry["estimate"]["high"]
    assert (tmp_path / "reports/latest" / entry["figures"][0]).exists()
    assert (tmp_path / "reports/latest/report.html").exists()


def test_the_two_commands_stand_first_and_alone() -> None:
    commands = re.findall(r"```\n(.*?)```", README, flags=re.DOTALL)[:2]
    assert all(len(command.splitlines()) == 1 for command in commands)
    assert commands[0].strip().endswith("nox -s claims")
    assert commands[1].strip().endswith("nox -s tests")
    assert commands[1].strip() in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
