"""A list of claims is made of their declarations: nothing that computes is imported, and no weights are sought."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.projects import Make

CLAIMS = Path(__file__).parents[2] / "claims"
HEAVY = (
    "torch", "transformers", "transformer_lens", "huggingface_hub", "xarray", "h5py", "scipy.stats", "scipy.optimize",
    "statsmodels", "lmfit", "matplotlib", "datasets", "sklearn",
)  # fmt: skip
WATCHING = f"""
import os, sys
SOUGHT = []
def heard(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        SOUGHT.append(event)
    if event == "open" and str(arguments[0]).endswith((".safetensors", ".bin", ".gguf")):
        SOUGHT.append(str(arguments[0]))
sys.addaudithook(heard)
def pytest_unconfigure():
    print("heavy:", sorted(set({HEAVY!r}) & set(sys.modules)), "sought:", SOUGHT)
"""


@pytest.mark.parametrize(
    "options",
    [
        ("--model=gpt2-xl", "-k", "heads or permeation", "-m", "not slow"),
        pytest.param(("--model=some/model", "--model=none.gguf", "--device=cuda", "--verify"), marks=pytest.mark.slow),
    ],
)
def test_a_list_needs_declarations_alone(make: Make, options: tuple[str, ...]) -> None:
    project = make("")
    project.write("watching.py", WATCHING)
    ran = project.run("--co", "-qq", "-s", "--import-mode=importlib", *options, str(CLAIMS), plugins=("watching",))
    assert ran.code == 0, ran.out + ran.err
    assert "heavy: [] sought: []" in ran.out
    assert "claims/test_permeation.py::" in ran.out


def test_names_that_are_no_device_s_do_not_ask_for_one(make: Make) -> None:
    project = make("import sys\nfrom stubs import *\n")
    project.write("conftest.py", 'pytest_plugins = ["semphase.plugin.short"]\n')
    project.write("watching.py", WATCHING)
    ran = project.run("--co", "-qq", "-s", "-k", "high and not cudas", "-m", "tiny", plugins=("watching",))
    assert "heavy: [] sought: []" in ran.out
    assert "test_high[tiny]" in ran.out
    assert "test_low[tiny]" not in ran.out


@pytest.mark.slow
def test_those_that_are_do(make: Make) -> None:
    project = make("from stubs import *\n")
    for chosen in (("-m", "cpu and tiny"), ("-k", "CPU and high")):
        assert "test_high[tiny]" in project.run("--co", "-qq", *chosen, "--claims=order.high").out
