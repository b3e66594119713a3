"""Claims in several processes: what shares measurements stays together, and few processes where more do not pay."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from semphase import Claim, above
from semphase.plugin import workers
from semphase.plugin.durations import Duration, read, write
from semphase.plugin.workers import groups_of
from semphase.science.heads import facet as heads
from semphase.science.recovery import comparing as recovery
from semphase.science.wqk.facet import WeightBasis
from semphase.verdict import registry
from semphase.verdict.frozen import Frozen

if TYPE_CHECKING:
    from tests.plugin.conftest import Make, Project

HEADS, RECOVERY, WQK, OTHER = (Path(f"test_{name}.py") for name in ("heads", "recovery", "wqk", "other"))


def module(**names: object) -> ModuleType:
    made = ModuleType("claims")
    vars(made).update(names)
    return made


def test_files_that_share_a_phenomenon_are_one_group() -> None:
    found = groups_of(
        {
            HEADS: module(facet=heads),
            RECOVERY: module(heads=heads, comparing=recovery),
            WQK: module(WeightBasis=WeightBasis, pytest=pytest, above=above),
            OTHER: module(above=above),
        }
    )
    assert found == {HEADS: "heads+recovery", RECOVERY: "heads+recovery", WQK: "wqk", OTHER: "test_other"}


def test_files_are_joined_by_a_third() -> None:
    files = {HEADS: module(facet=heads), WQK: module(WeightBasis=WeightBasis), OTHER: module(a=heads, b=WeightBasis)}
    assert set(groups_of(files).values()) == {"heads+wqk"}


CLAIMS = """
from stubs import HIGH, LOW, declare
from pathlib import Path
import os
def note(study):
    with Path("ran.txt").open("a") as log:
        log.write(f"{os.environ.get('PYTEST_XDIST_WORKER', 'here')} {os.environ.get('OMP_NUM_THREADS')}\\n")
@declare("z.one")
def test_one(study, judge):
    note(study)
    judge(HIGH, control=LOW)
@declare("z.two")
def test_two(study, judge):
    note(study)
    judge(HIGH, control=LOW)
"""
CONTROLLER = """

def pytest_unconfigure(config):
    if not hasattr(config, "workerinput"):
        Path("heavy.txt").write_text(" ".join(sorted({"torch", "scipy", "pandas", "transformers"} & set(sys.modules))))
"""


def registered(make: Make, other: str = "test_other.py") -> Project:
    """A project of two files with two registered claims each."""
    project = make(CLAIMS)
    project.write(other, CLAIMS.replace("z.", "y."))
    conftest = project.folder / "conftest.py"
    conftest.write_text(conftest.read_text() + CONTROLLER)
    claims = [claim(name) for name in ("z.one", "z.two", "y.one", "y.two")]
    lines = [registry.Entered(Frozen(own, own.fingerprint(), "code")) for own in claims]
    registry.append(project.folder / registry.NAME, lambda _: lines, datetime(2026, 1, 1, tzinfo=UTC))
    return project


def claim(name: str) -> Claim:
    return Claim(
        id=name, statement="s", criterion="x > 0", parts=(above(0.0),), estimator="mean", source="ours", control="none: -"
    )  # fmt: skip


def ran(project: Project) -> list[list[str]]:
    return [line.split() for line in (project.folder / "ran.txt").read_text().splitlines()]


def known(project: Project, seconds: float, *names: str) -> None:
    write(project.folder / "kept", "standard", {f"{name} tiny": Duration(seconds + 50.0, 50.0) for name in names})


ALL = ("z.one", "z.two", "y.one", "y.two")


@pytest.mark.slow
def test_a_file_goes_to_one_worker_and_the_workers_share_the_cores(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    project = registered(make)
    done = project.run("-n2", "--store=kept", ".", plugins=("xdist",))
    assert done.document is not None
    assert {entry["id"] for entry in done.document["claims"]} == set(ALL)
    assert sorted(worker for worker, _ in ran(project)) == ["gw0", "gw0", "gw1", "gw1"]
    at = dict.fromkeys(line.split()[0] for line in done.out.splitlines() if "PASSED" in line or "FAILED" in line)
    assert set(at) == {"[gw0]", "[gw1]"}
    for file in ("test_it.py", "test_other.py"):
        lines = [line for line in done.out.splitlines() if line.startswith("[gw") and f" {file}::" in line]
        assert len({line.split()[0] for line in lines}) == 1, lines
    assert {threads for _, threads in ran(project)} == {str(max(1, workers._cores() // 2))}
    assert (project.folder / "heavy.txt").read_text() == ""


@pytest.mark.slow
def test_threads_that_the_user_chose_stay(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    project = registered(make)
    project.run("-n2", "--store=kept", ".", plugins=("xdist",))
    assert {threads for _, threads in ran(project)} == {"3"}


def test_claims_that_take_little_from_the_store_run_in_one_process(make: Make) -> None:
    project = registered(make)
    known(project, 1.0, *ALL)
    done = project.run("-n2", "--store=kept", ".", plugins=("xdist",))
    assert {worker for worker, _ in ran(project)} == {"here"}
    assert "these claims take about 4 s from the store: they run in one process, not in 2" in done.out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seconds", "names", "options"),
    [
        (1.0, ALL[:3], ()),
        (workers.WORTH / 2, ALL, ()),
        (1.0, ALL, ("--model=gpt2",)),
        (1.0, ALL, ("--budget=quick",)),
        (1.0, ALL[:2], ("--claims=[yz].one",)),
    ],
    ids=["one is unknown", "long", "another model", "another budget", "another choice"],
)
def test_workers_run_what_takes_long_or_is_not_known(
    make: Make, seconds: float, names: tuple[str, ...], options: tuple[str, ...]
) -> None:
    project = registered(make)
    known(project, seconds, *names)
    done = project.run("-n2", "--store=kept", ".", *options, plugins=("xdist",))
    assert {worker for worker, _ in ran(project)} <= {"gw0", "gw1"}
    assert "in one process" not in done.out


@pytest.mark.slow
def test_of_many_claims_the_chosen_ones_decide(make: Make) -> None:
    project = registered(make)
    known(project, 1.0, "y.one")
    project.run("-n2", "--store=kept", ".", "--claims=*.one", "--claims=y.*", plugins=("xdist",))
    assert {worker for worker, _ in ran(project)} <= {"gw0", "gw1"}
    (project.folder / "ran.txt").unlink()
    known(project, 1.0, "y.one", "y.two")
    project.run("-n2", "--store=kept", "test_other.py", plugins=("xdist",))
    assert ran(project)[0][0] == "here"


WITHOUT_MODEL = (
    CLAIMS.replace("study, ", "")
    .replace("note(study)\n", "note(None)\n")
    .replace('")\ndef test', '", needs=Needs(model=False))\ndef test')
    .replace("HIGH, LOW", "HIGH, LOW, Needs", 1)
)


@pytest.mark.slow
def test_claims_whose_verdicts_are_kept_need_one_process(make: Make) -> None:
    project = registered(make)
    for file, group in (("test_it.py", "z."), ("test_other.py", "y.")):
        project.write(file, WITHOUT_MODEL.replace("z.", group))
    assert project.run("-n2", "--store=kept", ".", plugins=("xdist",)).code == 0
    took = {name: replace(own, seconds=100.0) for name, own in read(project.folder / "kept", "standard").items()}
    write(project.folder / "kept", "standard", took)
    done = project.run("-n2", "--store=kept", ".", plugins=("xdist",))
    assert "these claims take about 0 s from the store: they run in one process, not in 2" in done.out
    assert "4 of 4 verdicts from the store" in " ".join(done.out.split())
    assert {own.seconds for own in read(project.folder / "kept", "standard").values()} == {100.0}
    (project.folder / "ran.txt").unlink()
    project.run("-n2", "--store=kept", "--afresh", ".", plugins=("xdist",))
    assert {worker for worker, _ in ran(project)} <= {"gw0", "gw1"}


def test_other_tests_are_left_as_xdist_has_them(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    project = registered(make)
    (project.folder / registry.NAME).unlink()
    known(project, 1.0, *ALL)
    project.run("-n2", "--store=kept", ".", plugins=("xdist",))
    assert {tuple(line) for line in ran(project)} <= {("gw0", "None"), ("gw1", "None")}
