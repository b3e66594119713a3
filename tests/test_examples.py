"""The examples run on the tiny model, each to a verdict; those that make no sense there say why."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOT_APPLICABLE = {
    # Their prompts are English, which the tiny model does not speak.
    "ioi.circuit",
    "steering.weddings",
}
MOST_LINES = 45


@pytest.mark.slow
def test_every_example_ends_in_a_verdict_with_a_control_and_an_interval(tmp_path):
    command = [sys.executable, "-m", "pytest", "examples", "-q", "-p", "no:cacheprovider", "--budget=quick"]
    told = subprocess.run(
        [*command, f"--store={tmp_path / 'store'}", f"--out={tmp_path / 'report'}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    report = tmp_path / "report" / "verdicts.json"
    assert report.exists(), told.stdout + told.stderr
    entries = {claim["id"]: claim for claim in json.loads(report.read_text())["claims"]}
    assert len(entries) == len(list((ROOT / "examples").glob("test_*.py"))) == 8
    assert {name: entry["reason"] for name, entry in entries.items() if entry["outcome"] == "error"} == {}
    assert {name for name, entry in entries.items() if entry["verdict"] == "not-applicable"} == NOT_APPLICABLE
    for name, entry in entries.items():
        assert entry["registration"]["status"] in ("unknown", "amended"), name  # as registered; the store is new
        if name in NOT_APPLICABLE:
            assert "unknown to tiny's tokenizer" in entry["reason"]
        else:
            assert entry["control"] is not None, name
            assert entry["estimate"]["low"] < entry["estimate"]["high"], name


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("test_*.py")), ids=lambda path: path.stem)
def test_reads_like_a_methods_section(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MOST_LINES
    assert "published={" in text
    imports = [line for line in text.splitlines() if "semphase" in line and line.startswith(("import", "from"))]
    assert all(line.split()[1] == "semphase" for line in imports)
