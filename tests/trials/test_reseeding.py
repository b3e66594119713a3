"""The guard of the root conftest among plugins that shuffle tests and reseed: only a claim's own code is to blame."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.projects import Make, Project, Ran

ROOT = Path(__file__).parents[2]
AS_RANDOMLY = """
import random, zlib
import numpy
import pytest

def reseed(offset):
    random.seed(offset)
    numpy.random.seed(offset % 2**32)

def pytest_sessionstart():
    reseed(1)

@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items):
    reseed(2)
    random.shuffle(items)
    return (yield)

def pytest_runtest_setup(item):
    reseed(zlib.crc32(item.nodeid.encode()))

def pytest_runtest_call(item):
    reseed(zlib.crc32(item.nodeid.encode()) + 1)

def pytest_runtest_teardown(item):
    reseed(zlib.crc32(item.nodeid.encode()) + 2)
"""
AROUND_THE_CALL = """
import random
import numpy
import pytest

@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call():
    random.seed(3)
    numpy.random.seed(3)
    result = yield
    numpy.random.rand()
    random.random()
    return result

@pytest.fixture(autouse=True)
def faker_seed():
    random.seed(4)
    numpy.random.seed(4)
    yield
    random.random()
"""
CLAIMS = """
import random
import numpy
from stubs import HIGH, LOW, declare

@declare("draw.own")
def test_own(study, judge):
    random.Random(1).random()
    numpy.random.default_rng(1).random()
    judge(HIGH, control=LOW)

@declare("draw.python")
def test_python(study, judge):
    random.random()
    judge(HIGH, control=LOW)

@declare("draw.numpy")
def test_numpy(study, judge):
    numpy.random.rand()
    judge(HIGH, control=LOW)

@declare("draw.seed")
def test_seed(study, judge):
    numpy.random.seed(0)
    judge(HIGH, control=LOW)

def test_plain():
    pass
"""


def guarded(make: Make) -> Project:
    """A project with our guard in its conftest beside the study of all these projects."""
    project = make(CLAIMS)
    project.write("guarding.py", (ROOT / "conftest.py").read_text().replace("pytest_plugins", "_"))
    project.write("conftest.py", (project.folder / "conftest.py").read_text() + "\nfrom guarding import *\n")
    project.write("as_randomly.py", AS_RANDOMLY)
    project.write("around_the_call.py", AROUND_THE_CALL)
    return project


def only_the_claims_that_draw_break(ran: Ran) -> None:
    outcomes = {name: own["outcome"] for name, own in ran.entries.items()}
    assert outcomes == {"draw.own": "passed", "draw.python": "error", "draw.numpy": "error", "draw.seed": "error"}
    assert "Python's global random state" in ran.entries["draw.python"]["reason"]
    assert "NumPy's global random state" in ran.entries["draw.numpy"]["reason"]
    assert "= 3 failed, 2 passed in" in ran.out


def test_plugins_reseed_between_tests_and_around_them(make: Make) -> None:
    only_the_claims_that_draw_break(guarded(make).run(plugins=("as_randomly", "around_the_call")))


@pytest.mark.slow
def test_in_another_order_of_the_plugins_and_in_workers(make: Make) -> None:
    project = guarded(make)
    only_the_claims_that_draw_break(project.run("--afresh", plugins=("around_the_call", "as_randomly")))
    only_the_claims_that_draw_break(project.run("--afresh", "-n1", plugins=("xdist", "around_the_call")))


@pytest.mark.slow
def test_a_claim_that_draws_is_found_without_any_plugin(make: Make) -> None:
    only_the_claims_that_draw_break(guarded(make).run())
