"""The benchmark of generation runs, and bad input ends it with one sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "generation.py"
METHODS = ["transformers' generate", "engine", "engine, ⅓ zeroed", "engine, ⅒ linear"]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)


def rows(text: str) -> list[list[str]]:
    """The cells of all methods."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return [row for row in cells if row[0] in METHODS]


@pytest.mark.slow
def test_a_smoke_run_writes_the_tables(tmp_path):
    out = tmp_path / "new" / "results.md"
    done = bench("--smoke", "--out", str(out))
    assert done.returncode == 0, done.stderr
    text = out.read_text(encoding="utf-8")
    found = rows(text)
    assert [row[0] for row in found] == METHODS * 4
    assert [line for line in text.splitlines() if line.endswith(" tokens:")] == [
        f"{prompts} × {context} tokens:" for prompts in (1, 3) for context in (32, 64)
    ]
    assert all(float(cell) > 0 for row in found for cell in row[3:])
    assert all(row[-1] == "1.00" for row in found[::4])
    assert "gave the same 8 of 8 texts" in text
    assert str(tmp_path) not in text


@pytest.mark.slow
def test_an_unknown_model_is_one_sentence(tmp_path):
    out = tmp_path / "results.md"
    done = bench("--model", "tinny", "--out", str(out))
    assert done.returncode == 2
    assert done.stderr.startswith("generation.py: there is no model 'tinny'")
    assert done.stderr.count("\n") == 1
    assert not out.exists()
