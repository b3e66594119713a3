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
