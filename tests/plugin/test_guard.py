"""The guard of the root conftest: tests leave the global random state alone, plugins may reseed it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.plugin.conftest import Make

RESEEDING = """
import random
import numpy
def reseed(seed):
    random.seed(seed)
    numpy.random.seed(seed)
def pytest_runtest_setup(item):
    reseed(1)
def pytest_runtest_call(item):
    reseed(2)
def pytest_runtest_teardown(item):
    reseed(3)
"""
TESTS = """
import random
import numpy
def test_own_generator():
    random.Random(1).random()
    numpy.random.default_rng(1).random()
def test_python():
    random.random()
def test_numpy():
    numpy.random.rand()
"""


def test_only_a_test_of_its_own_is_to_blame(make: Make) -> None:
    project = make(TESTS)
    project.write("conftest.py", (Path(__file__).parents[2] / "conftest.py").read_text())
    project.write("reseeding.py", RESEEDING)
    ran = project.run(plugins=("reseeding",))
    assert "= 2 failed, 1 passed" in ran.out
    assert ran.word("test_own_generator") == "PASSED"
    assert "AssertionError: the test changed Python's global random state" in ran.out
    assert "AssertionError: the test changed NumPy's global random state" in ran.out
