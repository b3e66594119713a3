"""The README's examples, run as a user would: the built wheel, test files of their own, a folder of their own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from semphase.cli.starting import KINDS, start

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def examples() -> list[str]:
    blocks: list[str] = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    return [block for block in blocks if "@claim(" in block]


def test_the_three_examples_are_what_the_command_writes(tmp_path: Path) -> None:
    for kind, block in zip(KINDS, examples(), strict=True):
        written = start(f"mine-{kind}", kind, tmp_path).file.read_text(encoding="utf-8")
        assert written.replace(f'"mine_{kind}.', '"mine.') == block
        assert len(block.splitlines()) < 35


@pytest.mark.slow
def test_the_examples_get_a_table_and_a_report(site: Path, tmp_path: Path) -> None:
    for kind, block in zip(KINDS, examples(), strict=True):
        (tmp_path / f"test_{kind}.py").write_text(block, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(site), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    new = [sys.executable, "-m", "semphase", "new", "another"]
    subprocess.run(new, cwd=tmp_path, env=environment, check=True, stdout=subprocess.DEVNULL)
    assert (site / "bin" / "semphase").exists()
    (tmp_path / "test_another.py").unlink()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", ".", "--semphase-model=tiny", "--semphase-budget=quick", "-pno:cacheprovider"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "reports/latest/verdicts.json").read_text(encoding="utf-8"))
    assert {entry["id"] for entry in report["claims"]} == {
        "mine.words-agree", "mine.first-mlp-matters", "mine.noun-after-the",
    }  # fmt: skip
    for entry in report["claims"]:
        assert entry["verdict"] == "supported"
        assert entry["control"]["relation"] in ("model only", "undecided")
        assert entry["registration"]["status"] == "unregistered"
        assert entry["estimate"]["low"] <= entry["estimate"]["value"] <= entry["estimate"]["high"]
        assert entry["id"] in done.stdout
    assert {entry["id"] for entry in report["claims"] if entry["specific"]} >= {"mine.first-mlp-matters"}
    assert (tmp_path / "reports/latest/report.html").exists()


def test_samples_come_from_clean_trees() -> None:
    found = sorted((ROOT / "reports/sample").rglob("verdicts.json"))
    reports = [json.loads(path.read_text(encoding="utf-8")) for path in found]
    assert len(reports) == 9
    assert all(report["schema"] == 2 and not report["run"]["git"]["dirty"] for report in reports)
    assert len({report["run"]["git"]["revision"] for report in reports}) == 1


def test_the_two_commands_stand_first_and_alone() -> None:
    commands = re.findall(r"```\n(.*?)```", README, flags=re.DOTALL)[:2]
    assert all(len(command.splitlines()) == 1 for command in commands)
    assert commands[0].strip().endswith("nox -s claims")
    assert commands[1].strip().endswith("nox -s tests")
    assert commands[1].strip() in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
