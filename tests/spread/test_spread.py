"""A model over two devices gives what it gives on one: tests of measurements, run again where there is a second device."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
MEASURED = (
    "families/test_sweep.py::test_one_family_of_each_kind", "measure/test_edits.py", "study/test_sweep.py",
    "study/test_generated.py", "science/wqk/test_facet.py",
)  # fmt: skip
"""Streams, losses and heads of families of each kind; edits at every site; sweeps, texts and rebuilt weights."""


def run(*options: str) -> subprocess.CompletedProcess[str]:
    """Pytest with every other block of every model on the second device."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    given = ["-p", "spread.plugin", "-p", "no:cacheprovider", "-q", "-m", "not slow", *options]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *given],
        env=environment | {"PYTHONPATH": str(TESTS)}, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_measurements_on_two_devices_are_those_on_one():
    done = run(*(str(TESTS / own) for own in MEASURED))
    assert done.returncode == 0, done.stdout[-4000:]
    assert " passed" in done.stdout


def test_the_second_device_meets_no_other(tmp_path):
    (tmp_path / "it.py").write_text(
        "import torch\nfrom spread.second import SECOND\n"
        "one, other = torch.ones(3), torch.ones(3).to(SECOND)\n"
        "assert (other + other).device == SECOND and (other + other).cpu().equal(one + one)\n"
        "try:\n    one + other\nexcept RuntimeError as error:\n    print(error)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(TESTS)}
    done = subprocess.run(
        [sys.executable, tmp_path / "it.py"], env=environment, capture_output=True, text=True, check=True
    )
    assert "tensors of both devices" in done.stdout
