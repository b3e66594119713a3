"""Projects that have this package installed and something of the same name: they do not notice it."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from semphase.plugin.options import _options
from semphase.plugin.session import Session

if TYPE_CHECKING:
    from tests.projects import Make, Project

HEAVY = {"torch", "transformers", "xarray", "scipy", "jinja2"}
OPTIONS = f"""
NAMES = {sorted(_options())!r}
def pytest_addoption(parser):
    for name in NAMES:
        parser.addoption(f"--{{name}}", dest=name.replace("-", "_"), default="theirs")
"""
THEIRS = f"""
import sys
def test_theirs(pytestconfig):
    assert pytestconfig.getoption("seed") == "seven"
    assert pytestconfig.getoption("--out") == "conftest.py"
    assert pytestconfig.option.claims == "all of them"
    assert pytestconfig.getoption("model") == pytestconfig.getoption("no_universes") == "theirs"
    assert not {HEAVY!r} & set(sys.modules)
"""
NAMESAKES = f"""
import sys
from unittest import mock
import pytest

stand_in = mock.Mock()

@pytest.fixture(params=["a clinical trial", "another"])
def study(request):
    return request.param

@pytest.fixture
def judge():
    return len

@pytest.mark.claim("REQ-17")
def test_requirement(study, judge):
    assert judge(study) > 6

@pytest.mark.claim
class TestMarked:
    pytestmark = pytest.mark.slow

    @pytest.mark.claim(id="REQ-18", models=("a", "b"))
    def test_keywords(self, study):
        assert not {HEAVY!r} & set(sys.modules)
"""
BESIDE_CLAIMS = """
from unittest import mock
import pytest
from stubs import HIGH, LOW, declare

stand_in = mock.Mock()

class TestMarked:
    pytestmark = pytest.mark.claim("REQ-19")

    def test_requirement(self):
        pass

@pytest.mark.claim("REQ-20")
@declare("order.high")
def test_high(study, judge):
    judge(HIGH, control=LOW)
"""
NOTHING = f"import sys\ndef test_it(): assert not {HEAVY!r} & set(sys.modules)\n"


def without_claims(make: Make, source: str, conftest: str = "") -> Project:
    project = make(source)
    project.write("conftest.py", conftest)
    return project


def test_options_of_all_our_short_names_are_theirs(make: Make) -> None:
    project = without_claims(make, THEIRS, OPTIONS)
    ran = project.run("--seed=seven", "--out=conftest.py", "--claims", "all of them")
    assert ran.code == 0, ran.out


def test_fixtures_and_a_marker_of_our_names_are_theirs(make: Make) -> None:
    project = without_claims(make, NAMESAKES)
    before = set(project.folder.iterdir())
    ran = project.run("-m", "claim", "--semphase-model=nonsense")
    assert ran.code == 0, ran.out
    assert "= 4 passed" in ran.out
    assert set(project.folder.iterdir()) == before


@pytest.mark.slow
def test_a_marker_of_theirs_stands_beside_our_claims(make: Make) -> None:
    ran = make(BESIDE_CLAIMS).run()
    assert ran.code == 0, ran.out
    assert "= 2 passed" in ran.out
    assert set(ran.entries) == {"order.high"}


def test_options_of_ours_mean_nothing_where_no_claim_is(make: Make) -> None:
    project = without_claims(make, NOTHING)
    project.write(
        "pytest.ini",
        "[pytest]\nfilterwarnings = error\n"
        "addopts = --semphase-device=cuda --semphase-out=test_it.py --semphase-store=test_it.py/x\n",
    )
    before = set(project.folder.iterdir())
    ran = project.run("--semphase-claims=no.such", "--semphase-lexicon=none.toml", "--semphase-corpus=none.txt")
    assert ran.code == 0, ran.out + ran.err
    assert set(project.folder.iterdir()) == before


def test_nor_where_none_is_chosen(make: Make) -> None:
    project = make()
    ran = project.run("-k", "test_plain", "--device=cuda", "--model=nonsense", "--out=test_it.py", "--claims=no.such")
    assert ran.code == 0, ran.out + ran.err
    assert "= 1 passed" in ran.out
    assert not project.opened
    assert not (project.folder / "reads.txt").exists()


@pytest.mark.slow
def test_nor_in_several_processes(make: Make) -> None:
    project = without_claims(make, NOTHING)
    ran = project.run("-n1", "--semphase-device=cuda", "--semphase-verify", plugins=("xdist",))
    assert ran.code == 0, ran.out + ran.err
    assert "verif" not in ran.out.partition("passed")[2]


def test_a_plugin_that_asks_at_the_end_what_refers_to_what_is_told() -> None:
    """Hypothesis does, of the random numbers that trio registers; what is laid aside for a run's sake has no referrers."""
    session = Session.__new__(Session)
    session.prepared = True
    owner, owned = [], object()
    owner.append(owned)
    gc.freeze()
    assert owner not in gc.get_referrers(owned)
    summary = session.pytest_terminal_summary()
    next(summary)
    assert owner in gc.get_referrers(owned)
    with pytest.raises(StopIteration):
        summary.send(None)
    assert owner not in gc.get_referrers(owned)
