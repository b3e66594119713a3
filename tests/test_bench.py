"""The benchmark of single heads runs, its methods agree, and bad input ends it with one sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "heads.py"
# Sums of float32 losses in another order; a hundred times what they differ by on the tiny model.
CLOSE = 1e-4


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)


def table(text: str) -> dict[str, list[str]]:
    """The cells of the methods' table by the letter in front of the row."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:3] == "| ("]
    return {row[0][1 : row[0].index(")")]: row[1:] for row in rows}


@pytest.mark.slow
def test_a_smoke_run_writes_the_table(tmp_path):
    out = tmp_path / "new" / "results.md"
    done = bench("--smoke", "--out", str(out), "--peer-python", str(tmp_path / "no-python"))
    assert done.returncode == 0, done.stderr
    text = out.read_text(encoding="utf-8")
    rows = table(text)
    assert list(rows) == ["a", "a'", "b", "c", "d"]
    assert "left out: no-python cannot be run" in text
    assert [rows[key][0] for key in ("a", "a'", "c", "d")] == ["4", "4", "48", "48"]
    assert all(float(cell) > 0 for key in ("a", "a'", "c", "d") for cell in rows[key][1:4])
    assert all(float(cell) < CLOSE for cell in rows["c"][4:])
    assert "does not pay here" in text
    assert "% of the" in text
    assert "Removable heads" in text
    assert str(tmp_path) not in text


@pytest.mark.slow
def test_an_unknown_model_is_one_sentence(tmp_path):
    out = tmp_path / "results.md"
    done = bench("--model", "tinny", "--out", str(out))
    assert done.returncode == 2
    assert done.stderr.startswith("heads.py: there is no model 'tinny'")
    assert done.stderr.count("\n") == 1
    assert not out.exists()


@pytest.mark.slow
def test_a_measured_process_refuses_a_short_corpus(tmp_path):
    corpus = tmp_path / "short.txt"
    corpus.write_text("the bank near the boat . " * 600, encoding="utf-8")
    done = bench("--only", "c", "--tokens", "4096", "--growth", "--corpus", str(corpus))
    assert done.returncode == 2
    assert '"error": "the corpus short.txt has 3072 tokens but 8192 are needed' in done.stdout
    assert "Traceback" not in done.stderr
