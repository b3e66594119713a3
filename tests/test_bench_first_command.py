"""The benchmark of the first command runs, its shares add up, and a command that cannot run ends it with one sentence."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
SCRIPT = FOLDER / "first_command.py"


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)


def tables(text: str) -> list[list[list[str]]]:
    """The rows of each table, without its heads."""
    found: list[list[list[str]]] = [[]]
    for line in text.splitlines():
        if line.startswith("|"):
            found[-1].append([cell.strip() for cell in line.strip("|").split("|")])
        elif found[-1]:
            found.append([])
    return [rows[2:] for rows in found if rows]


@pytest.mark.slow
def test_a_smoke_run_writes_the_tables(tmp_path):
    out = tmp_path / "new" / "results.md"
    done = bench("--smoke", "--out", str(out))
    assert done.returncode == 0, done.stderr
    text = out.read_text(encoding="utf-8")
    groups, claims = tables(text)
    assert {row[0] for row in groups} == {"start-up, loading, report", "order", "all"}
    assert {row[0] for row in claims} - {row[0] for row in groups} == {
        "order.causal-mask tiny", "order.fan-out tiny", "order.two-stage-jump tiny",
    }  # fmt: skip
    measured = {row[0]: float(row[3]) for row in groups}
    assert measured["all"] == measured["order"] > 0
    again = re.search(r"Again ([\d.]+) s were measured\.", text)
    assert again is not None
    assert float(again[1]) < measured["order"] / 2
    assert str(tmp_path) not in text
    assert "tiny" in text


@pytest.mark.slow
def test_an_unknown_model_is_one_sentence(tmp_path):
    out = tmp_path / "results.md"
    done = bench("--smoke", "--model=tinny", "--out", str(out))
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("first_command.py: the command ended with 4")
    assert not out.exists()


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    spec = importlib.util.spec_from_file_location("first_command_results", FOLDER / "first_command_results.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


def test_rows_are_sorted_and_add_up_to_the_whole(results):
    claims = [results.Took("a.one", "a", "tiny", 3.0, 2.0), results.Took("b.one", "b", None, 5.0, 0.0)]
    claims.append(results.Took("a.two", "a", "tiny", 1.0, 1.0))
    fresh = results.Run(10.0, 15.0, 0.1, {}, claims)
    again = results.Run(2.0, 2.0, 0.1, {}, [results.Took("a.one", "a", "tiny", 0.5, 0.0)])
    assert results.rows(fresh, again, groups=True) == [
        ["b", "5.00", "50.0%", "0.00", "0.00", "0.0%"],
        ["a", "4.00", "40.0%", "3.00", "0.50", "25.0%"],
        ["start-up, loading, report", "1.00", "10.0%", "0.00", "1.50", "75.0%"],
        ["all", "10.00", "100.0%", "3.00", "2.00", "100.0%"],
    ]
    names = [row[0] for row in results.rows(fresh, again, groups=False)]
    assert names == ["b.one", "a.one tiny", "start-up, loading, report", "a.two tiny", "all"]
