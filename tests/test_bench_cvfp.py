"""The benchmark of the CVFP model runs, both trainings agree, and bad input ends it with one sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "cvfp.py"


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)


def rows(text: str) -> list[list[str]]:
    """The cells of all rows that begin with a number of tokens."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return [row for row in cells if row[0].replace(",", "").isdigit()]


@pytest.mark.slow
def test_a_smoke_run_writes_the_tables(tmp_path):
    out = tmp_path / "new" / "results.md"
    done = bench("--smoke", "--out", str(out))
    assert done.returncode == 0, done.stderr
    found = rows(out.read_text(encoding="utf-8"))
    assert [row[0] for row in found] == [*["200", "1,000"] * 2, "200", "200", "1,000", "1,000"]
    assert all(float(cell) > 0 for row in found[:4] for cell in row[1:])
    training = found[4:]
    assert [row[1] for row in training] == ["library", "plain loop"] * 2
    assert all(float(cell.replace(",", "")) > 0 for row in training for cell in row[2:])
    # The same protocol from the same start values: what the loop and the library end with is one number.
    for own, plain in zip(training[::2], training[1::2], strict=True):
        assert float(own[-1]) == pytest.approx(float(plain[-1]), abs=1e-3)
    assert str(tmp_path) not in out.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--model", "tinny"], "there is no model 'tinny'"),
        (["--corpus", "SHORT"], "the corpus short.txt has 24 documents"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, arguments, told):
    short = tmp_path / "short.txt"
    short.write_text("the bank near the boat . " * 80, encoding="utf-8")
    out = tmp_path / "results.md"
    done = bench(*[str(short) if each == "SHORT" else each for each in arguments], "--out", str(out))
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f"cvfp.py: {told}")
    assert not out.exists()
