"""Universes in a run: anybody's claim is judged again on variants of the study, and the report says what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Make

CLAIMS = """
from pathlib import Path
from semphase import Estimate, NotApplicable, Prompts, above, claim
from semphase.errors import SemphaseError

OWN = Prompts.of("own", ["anna saw the boat", "the bank", "the boat"])
FEWER = Prompts.of("own", ["the bank"])

def fewer(study):
    return study.varied(prompts=[FEWER])

def another_seed(study):
    return study.varied(seed=study.seed + 1)

def lacking(study):
    raise NotApplicable("this model has no such thing")

def breaking(study):
    raise SemphaseError("the numbers are not finite.")

def declare(id, universes):
    return claim(id, statement="s", criterion="x > 1.5", parts=above(1.5), estimator="mean", source="ours",
                 control="untrained copies", data=OWN, universes=universes)

def counted(study):
    value = float(len(study.prompts(OWN).prompts))
    return Estimate(value, value - 0.1, value + 0.1, "a count", 20, population=("prompts",), units=(20,))

@declare("a.fragile", [fewer, another_seed, lacking])
def test_fragile(study, judge):
    with Path("runs.txt").open("a") as log:
        log.write(f"{len(study.untrained)} ")
    judge(counted(study), control=[counted(copy) for copy in study.untrained])

@declare("a.alone", "none: there is one way to count")
def test_alone(study, judge):
    judge(counted(study), control=[counted(copy) for copy in study.untrained])
"""
BROKEN = """
@declare("a.broken", [breaking])
def test_broken(study, judge):
    judge(counted(study), control=[counted(copy) for copy in study.untrained])
"""


@pytest.mark.slow
def test_universes_are_told_beside_the_verdict_and_kept_with_it(make: Make) -> None:
    project = make(CLAIMS)
    project.write("conftest.py", "")
    options = ("--semphase-model=tiny", f"--semphase-store={project.folder}/store", "--semphase-budget=quick")
    without = project.run(*options).entries
    assert "universes" not in without["a.fragile"]
    ran = project.run(*options, "--semphase-universes")
    entry = ran.entries["a.fragile"]
    found = entry["universes"]
    assert {name: found[name] for name in ("n", "agree", "share", "fragile", "undecided")} == {
        "n": 1, "agree": 0, "share": 0.0, "fragile": True, "undecided": 0,
    }  # fmt: skip
    assert [(own["name"], own["verdict"], own["reason"]) for own in found["list"]] == [
        ("fewer", "refuted", ""),
        ("another seed", "supported", "the same numbers: it changes nothing here"),
        ("lacking", "not-applicable", "this model has no such thing"),
    ]
    assert found["list"][0]["estimate"]["value"] == 1.0
    assert entry["figures"] == ["figures/tiny/a.fragile/specification-curve.png"]
    assert (project.report / entry["figures"][0]).is_file()
    assert (project.folder / "runs.txt").read_text() == "5 5 0 0 "
    assert "universes" not in ran.entries["a.alone"]
    assert ran.document is not None
    assert ran.document["summary"]["fragile"] == 1
    assert "(fragile)" in (project.report / "verdicts.md").read_text()
    assert "fragile" in (project.report / "report.html").read_text()
    again = project.run(*options, "--semphase-universes")
    assert again.entries["a.fragile"]["universes"] == found
    assert (project.folder / "runs.txt").read_text() == "5 5 0 0 "


@pytest.mark.slow
def test_a_universe_that_breaks_is_an_error_that_names_it(make: Make) -> None:
    project = make(CLAIMS + BROKEN)
    project.write("conftest.py", "")
    options = ("--semphase-model=tiny", f"--semphase-store={project.folder}/store", "--semphase-claims=a.broken")
    entry: dict[str, Any] = project.run(*options).entries["a.broken"]
    assert (entry["verdict"], entry["outcome"]) == (None, "error")
    assert entry["reason"] == "in the universe 'breaking': the numbers are not finite."
    assert project.run(*options, "--semphase-no-universes").entries["a.broken"]["verdict"] == "supported"


SAME_NAME = """
from test_it import *

def fewer(study):
    return study.varied(prompts=[Prompts.of("own", ["the bank", "the boat"])])

@declare("b.fragile", [fewer])
def test_b(study, judge):
    judge(counted(study), control=[counted(copy) for copy in study.untrained])
"""
ODD = """
import pytest

def misspelt(study):
    return study.varied(promts=[FEWER])

def unread(study):
    return study.varied(prompts=[Prompts.of("else", ["the bank"])])

def itself(study):
    return study

def dividing(study):
    return study.varied(seed=1 // 0)

def other(study):
    return study.varied(mine=1)

def own_code(study, judge):
    if study.choice("mine"):
        1 // 0
    judge(counted(study), control=[counted(copy) for copy in study.untrained])

def skipping(study, judge):
    if study.choice("mine"):
        pytest.skip("not here")
    judge(counted(study), control=[counted(copy) for copy in study.untrained])

@declare("c.misspelt", [misspelt])
def test_misspelt(study, judge):
    judge(counted(study), control=[counted(copy) for copy in study.untrained])

@declare("c.unread", [unread])
def test_unread(study, judge):
    judge(counted(study), control=[counted(copy) for copy in study.untrained])

@declare("c.itself", [itself])
def test_itself(study, judge):
    judge(counted(study), control=[counted(copy) for copy in study.untrained])

@declare("c.dividing", [dividing])
def test_dividing(study, judge):
    judge(counted(study), control=[counted(copy) for copy in study.untrained])

@declare("c.own-code", [other])
def test_own_code(study, judge):
    own_code(study, judge)

@declare("c.skipping", [other])
def test_skipping(study, judge):
    skipping(study, judge)
"""


@pytest.mark.slow
def test_claims_whose_universes_have_one_name_get_each_their_own(make: Make) -> None:
    project = make(CLAIMS)
    project.write("conftest.py", "")
    project.write("test_other.py", SAME_NAME)
    options = ("--semphase-model=tiny", f"--semphase-store={project.folder}/store", "--semphase-universes")
    ran = project.run(*options, "--semphase-claims=?.fragile", "--deselect=test_other.py::test_fragile",
                      "--deselect=test_other.py::test_alone").entries  # fmt: skip
    told = {name: ran[name]["universes"]["list"][0] for name in ("a.fragile", "b.fragile")}
    assert {name: (own["name"], own["estimate"]["value"]) for name, own in told.items()} == {
        "a.fragile": ("fewer", 1.0),
        "b.fragile": ("fewer", 2.0),
    }


@pytest.mark.slow
def test_a_universe_that_varies_nothing_or_breaks_is_named_in_one_sentence(make: Make) -> None:
    project = make(CLAIMS + ODD)
    project.write("conftest.py", "")
    options = ("--semphase-model=tiny", f"--semphase-store={project.folder}/store", "--semphase-universes")
    ran = project.run(*options, "--semphase-claims=c.*")
    reasons = {name: entry["reason"] for name, entry in ran.entries.items()}
    for name, beginning in {
        "c.misspelt": "in the universe 'misspelt': nothing asked for promts, so it varies nothing",
        "c.unread": "in the universe 'unread': nothing reads prompts named 'else'",
        "c.itself": "in the universe 'itself': it gives back the study itself",
        "c.dividing": "in the universe 'dividing': its function broke: ZeroDivisionError",
        "c.own-code": "in the universe 'other': ZeroDivisionError: integer division or modulo by zero (test_it.py:",
    }.items():
        assert reasons[name].startswith(beginning), reasons[name]
        assert ran.entries[name]["outcome"] == "error"
    for line in (">           1 // 0", "E           in the universe 'other'"):
        assert ran.out.count(line) == 1, ran.out  # its traceback is kept, and names the universe
    (skipped,) = ran.entries["c.skipping"]["universes"]["list"]
    assert (skipped["verdict"], skipped["reason"]) == ("not-applicable", "its test was skipped: not here")


THROUGH = """
import pytest

@pytest.fixture
def deep(study):
    return counted(study)

@pytest.fixture
def values(deep):
    return deep

@pytest.fixture
def plain_number():
    return 3

@declare("d.through", [fewer])
def test_through(study, judge, values):
    judge(values, control=[counted(copy) for copy in study.untrained])

@declare("d.plain", [fewer])
def test_plain(study, judge, plain_number):
    judge(counted(study), control=[counted(copy) for copy in study.untrained])

@declare("d.alone", "none: read once")
def test_alone_through(study, judge, values):
    judge(values, control=[counted(copy) for copy in study.untrained])
"""


@pytest.mark.slow
@pytest.mark.parametrize("workers", [(), ("-n2",)])
def test_a_fixture_made_of_the_study_which_no_universe_reaches_is_refused(make: Make, workers: tuple[str, ...]) -> None:
    project = make(CLAIMS + THROUGH)
    ran = project.run("--semphase-claims=d.*", *workers, plugins=("xdist",) if workers else ())
    assert ran.code == pytest.ExitCode.USAGE_ERROR
    assert (
        "d.through has universes, and its test takes the fixture 'values', which is made of `study` before any universe is: "
        'read it in the test, or say universes="none: REASON"'
    ) in " ".join((ran.out + ran.err).split())
    for claim in ("d.plain", "d.alone"):
        assert project.run("--collect-only", f"--semphase-claims={claim}").code == 0
