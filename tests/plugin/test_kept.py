"""Verdicts from the store: equal to what was judged, and only while nothing that they depend on has changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Make, Project, Ran

COUNTED = """
import tempfile
from pathlib import Path
from stubs import HIGH, LOW, NEAR, Needs, above, claim, declare, line, broken_plot, pytest
from semphase import Estimate, NotApplicable, between
import helping
import numpy as np

def audit(id, **rest):
    return declare(id, needs=Needs(model=False), control="none: arithmetic", **rest)

def note(name):
    with Path("judged.txt").open("a") as log:
        log.write(name + "\\n")
"""
ONE = (
    COUNTED
    + """
@audit("a.one")
def test_one(judge):
    note("one")
    judge(helping.found(), detail={"per_word": [1.0, float("nan")], "whose": {"b": 1, "a": None}}, figures=[line])
"""
)
HELPING = """
from stubs import HIGH, LOW

def found():
    return HIGH
"""
WIDE = (
    COUNTED
    + """
@claim("a.between", statement="s", criterion="in between", parts=between(0.0, 2.0), estimator="mean", source="ours",
       control="none: arithmetic", needs=Needs(model=False))
def test_between(judge):
    note("between")
    judge(Estimate(1.0, float("-inf"), float("inf"), "profile", 3), p_value=np.float64(0.25))

@audit("a.near")
def test_near(judge):
    note("near")
    with tempfile.TemporaryDirectory():
        pass
    judge(NEAR, reason="too few")

@audit("a.low")
def test_low(judge):
    note("low")
    judge(LOW)

@audit("a.controlled")
def test_controlled(judge):
    note("controlled")
    judge(HIGH, control={"a": [HIGH, LOW, LOW], "b": LOW})
"""
)
ANEW = (
    COUNTED
    + """
@audit("a.timed", timed=True)
def test_timed(judge):
    note("timed")
    judge(HIGH)

@audit("a.broken")
def test_broken(judge):
    note("broken")
    judge(HIGH)
    raise ValueError("too late")

@audit("a.unfit")
def test_unfit(judge):
    note("unfit")
    raise NotApplicable("needs a telescope")

@audit("a.undrawn")
def test_undrawn(judge):
    note("undrawn")
    judge(HIGH, figures=[broken_plot])

@pytest.fixture
def chosen():
    return HIGH

@audit("a.fixture")
def test_fixture(judge, chosen):
    note("fixture")
    judge(chosen)

@audit("a.parameter")
@pytest.mark.parametrize("value", [1.0])
def test_parameter(judge, value):
    note("parameter")
    judge(HIGH)

def made():
    found = [HIGH]
    @audit("a.closure")
    def test_closure(judge):
        note("closure")
        judge(found[0])
    return test_closure

test_closure = made()
"""
)


def judged(project: Project) -> list[str]:
    """The tests whose bodies the last run called."""
    log = project.folder / "judged.txt"
    found = log.read_text().split() if log.exists() else []
    log.unlink(missing_ok=True)
    return found


def project(make: Make, source: str) -> Project:
    made = make(source)
    made.write("helping.py", HELPING)
    return made


def run(own: Project, *options: str, **rest: Any) -> Ran:
    return own.run("--store=kept", *options, **rest)


def untimed(ran: Ran) -> dict[str, Any]:
    return {name: entry | {"seconds": 0.0} for name, entry in ran.entries.items()}


def restored(ran: Ran) -> int:
    assert ran.document is not None
    return ran.document["run"].get("restored", 0)


def entry_of(own: Project) -> Path:
    (path,) = (own.folder / "kept" / "verdicts").glob("*.json")
    return path


@pytest.mark.slow
def test_what_is_restored_is_what_was_judged(make: Make) -> None:
    own = project(make, ONE)
    first = run(own, width=160)
    assert judged(own) == ["one"]
    assert restored(first) == 0
    assert "from the store" not in first.out
    image = (own.report / first.entries["a.one"]["figures"][0]).read_bytes()
    again = run(own, width=160)
    assert judged(own) == []
    assert untimed(again) == untimed(first)
    assert (own.report / again.entries["a.one"]["figures"][0]).read_bytes() == image
    assert "1 of 1 verdicts from the store: same code, data and settings; --afresh judges again" in again.out
    assert restored(again) == 1
    assert run(own, "--afresh", width=160).code == 0
    assert judged(own) == ["one"]


@pytest.mark.slow
def test_every_kind_of_verdict_comes_back(make: Make) -> None:
    own = project(make, WIDE)
    first = run(own)
    assert sorted(judged(own)) == ["between", "controlled", "low", "near"]
    again = run(own)
    assert judged(own) == []
    assert untimed(again) == untimed(first)
    assert again.code == first.code == 1
    assert {name: entry["outcome"] for name, entry in again.entries.items()} == {
        "a.between": "inconclusive", "a.near": "inconclusive", "a.low": "failed", "a.controlled": "passed",
    }  # fmt: skip


@pytest.mark.slow
def test_some_are_judged_anew_each_time(make: Make) -> None:
    own = project(make, ANEW)
    first, names = run(own), judged(own)
    assert len(names) == 7
    again = run(own)
    assert judged(own) == names
    assert untimed(again) == untimed(first)
    assert restored(again) == 0


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("test_it.py", 'note("one")', 'note("one") or note("more")'),
        ("test_it.py", "audit(id, **rest):\n    return", 'audit(id, **rest):\n    rest["unit"] = "bits"\n    return'),
        ("helping.py", "return HIGH", "return LOW"),
        ("stubs.py", "plot([0, 1]", "plot([0, 2]"),
        ("conftest.py", "import sys", "import sys, math"),
    ],
    ids=["test", "declaration", "helper", "figure", "conftest"],
)
@pytest.mark.slow
def test_code_that_changed_is_run(make: Make, name: str, old: str, new: str) -> None:
    own = project(make, ONE)
    run(own)
    judged(own)
    before = (own.folder / name).read_text()
    assert old in before
    own.write(name, before.replace(old, new))
    assert restored(run(own)) == 0
    assert "one" in judged(own)


@pytest.mark.slow
def test_so_it_is_when_semphase_or_a_package_changed(make: Make) -> None:
    own = project(make, ONE)
    run(own)
    judged(own)
    own.write("changed.py", "import semphase.code\nsemphase.code.own_sources = lambda: 'changed'\n")
    run(own, plugins=("changed",))
    assert judged(own) == ["one"]
    (own.folder / "unheard_of-1.dist-info").mkdir()
    run(own)
    assert judged(own) == ["one"]
    run(own)
    assert judged(own) == []


@pytest.mark.slow
@pytest.mark.parametrize("damage", [b"", b"{}", b'{"sha256": "00", "content": {}}'], ids=["empty", "other", "checksum"])
def test_a_damaged_entry_is_judged_again_and_mended(make: Make, damage: bytes) -> None:
    own = project(make, ONE)
    first = run(own)
    judged(own)
    whole = entry_of(own).read_bytes()
    entry_of(own).write_bytes(damage or whole[:-20])
    assert untimed(run(own)) == untimed(first)
    assert judged(own) == ["one"]
    assert entry_of(own).read_bytes() == whole


@pytest.mark.slow
def test_where_a_figure_is_gone_it_is_drawn_again(make: Make) -> None:
    own = project(make, ONE)
    run(own)
    judged(own)
    (image,) = (own.folder / "kept" / "figures").iterdir()
    image.unlink()
    again = run(own)
    assert judged(own) == ["one"]
    assert (own.report / again.entries["a.one"]["figures"][0]).exists()


@pytest.mark.slow
def test_a_store_that_cannot_be_written_keeps_nothing(make: Make) -> None:
    own = project(make, ONE.replace(", figures=[line]", ""))
    (own.folder / "kept").mkdir()
    (own.folder / "kept" / "verdicts").write_text("in the way")
    for _ in range(2):
        assert run(own).code == 0
        assert judged(own) == ["one"]


READING = (
    COUNTED
    + """
import json
from functools import cache

class Table:
    def __init__(self):
        self.rows = json.loads(Path("data.json").read_text())

@cache
def table():
    return Table()

def estimate():
    return HIGH if table().rows["high"] else LOW

@audit("a.first")
def test_first(judge):
    note("first")
    judge(estimate())

@audit("a.second")
def test_second(judge):
    note("second")
    judge(estimate())

@audit("a.third")
def test_third(judge):
    note("third")
    Path("own.txt").write_text("mine")
    judge(HIGH if Path("own.txt").read_text() else LOW)

@audit("a.fourth")
def test_fourth(judge):
    import subprocess
    note("fourth")
    judge(HIGH if subprocess.run(["cat", "data.json"], capture_output=True).stdout else LOW)
"""
)


@pytest.mark.slow
def test_a_file_of_its_own_is_read_each_time_even_where_the_reader_remembers(make: Make) -> None:
    own = project(make, READING)
    own.write("data.json", '{"high": true}')
    assert {entry["verdict"] for entry in run(own).entries.values()} == {"supported"}
    assert judged(own) == ["first", "second", "third", "fourth"]
    own.write("data.json", '{"high": false}')
    again = run(own)
    assert judged(own) == ["first", "second", "fourth"]
    assert [again.entries[f"a.{name}"]["verdict"] for name in ("first", "second")] == ["refuted"] * 2


@pytest.mark.slow
@pytest.mark.parametrize("option", ["--verify", "--accept", "--archive"])
def test_what_is_checked_or_recorded_is_judged(make: Make, option: str) -> None:
    own = project(make, ONE)
    own.write("noxfile.py", "")
    run(own, option)
    assert not (own.folder / "kept" / "verdicts").exists()
    run(own)
    judged(own)
    run(own, option)
    assert judged(own) == ["one"]


@pytest.mark.slow
def test_workers_keep_and_restore(make: Make) -> None:
    own = project(make, WIDE)
    first = run(own, "-n2", plugins=("xdist",))
    assert len(judged(own)) == 4
    again = run(own, "-n2", plugins=("xdist",))
    assert judged(own) == []
    assert restored(again) == 4
    assert untimed(again) == untimed(first)


TINY = """
from semphase import LEXICON, TEXT, above, claim, correlation, Prompts, mean
import numpy as np
OWN = Prompts.of("own", ["anna saw the boat", "the bank", "anna took the boat"])

@claim("t.loss", statement="s", criterion="x > 0", parts=above(0.0), estimator="mean", source="ours",
       control="none: a test", data=(TEXT, LEXICON))
def test_loss(study, judge):
    with open("judged.txt", "a") as log:
        log.write("loss\\n")
    values = study.prompts(OWN).losses().values
    judge(mean(np.nanmean(values, axis=1), unit="nats"), detail={"dtype": study.dtype})
"""


@pytest.mark.slow
def test_a_study_of_a_model_is_told_from_others(make: Make) -> None:
    own = make(TINY)
    own.write("conftest.py", 'pytest_plugins = ["semphase.plugin.short"]\n')
    own.write("mine.toml", 'name = "own"\ntexts = ["the shelf by the bank", "the card", "anna"]\n')
    ways: list[tuple[str, ...]] = [(), ("--seed=1",), ("--prompts=mine.toml",)]
    first = {}
    for options in ways:
        first[options] = run(own, "--model=tiny", *options)
        assert judged(own) == ["loss"], options
    for options in (ways[0], ways[-1]):
        again = run(own, "--model=tiny", *options)
        assert judged(own) == [], options
        assert untimed(again) == untimed(first[options])
    assert json.loads((own.folder / "kept/durations-standard.json").read_text())["t.loss tiny"]["kept"]
