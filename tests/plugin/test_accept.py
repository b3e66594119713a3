"""Recording verdicts and holding later runs to them."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Make

CHANGING = """
from pathlib import Path
from stubs import HIGH, LOW, NEAR, declare
NOW = {"high": HIGH, "near": NEAR, "low": LOW}
def now(name):
    return NOW[Path(name).read_text()] if Path(name).exists() else HIGH
@declare("a.one")
def test_one(study, judge):
    judge(now("one.txt"), control=LOW)
@declare("a.two")
def test_two(study, judge):
    judge(now("two.txt"), control=LOW)
"""
RECORD = """\
[[run]]
corpus = "grammar"
lexicon = "ab12"
budget = "standard"
seed = 0

[run.verdicts]
"a.one" = "supported"
"a.two" = "refuted"
"""


@pytest.mark.slow
def test_accepted_verdicts_are_what_later_runs_expect(make: Make) -> None:
    project = make(CHANGING)
    project.write("two.txt", "low")
    assert project.run("--accept").code == 0
    assert (project.folder / "fixtures/expected/tiny.toml").read_text() == RECORD
    assert project.run("--strict-expectations").code == 0
    project.write("two.txt", "high")
    ran = project.run()
    assert ran.code == 1
    assert "verdict changed: expected refuted, found supported: 1 [0.9, 1.1]" in ran.out
    project.write("two.txt", "near")
    assert project.run().code == 0
    assert project.run("--strict-expectations").code == 1
    assert project.run("--strict-expectations", "--seed=1", "--claims=a.one").code == 0


@pytest.mark.slow
def test_strict_runs_miss_unrecorded_claims(make: Make) -> None:
    project = make(CHANGING)
    project.run("--accept", "--claims=a.one")
    assert project.run().code == 0
    ran = project.run("--strict-expectations")
    assert ran.code == 1
    assert "no verdict is recorded for a.two" in ran.out


def test_what_broke_is_not_recorded_and_fails_the_run(make: Make) -> None:
    project = make()
    ran = project.run("--accept", "--claims=broken.measurement", "--claims=order.low", "--claims=audit.table")
    assert ran.code == 1
    assert "ERROR: broken.measurement broke on tiny: its verdict is not recorded" in ran.out
    folder = project.folder / "fixtures" / "expected"
    assert (folder / "tiny.toml").read_text().endswith('[run.verdicts]\n"order.low" = "refuted"\n')
    assert '"audit.table" = "supported"' in (folder / "no-model.toml").read_text()


@pytest.mark.slow
def test_one_record_of_a_claim_without_a_model_serves_every_run(make: Make) -> None:
    project = make()
    project.run("--accept", "--claims=audit.table", "--seed=3", "--budget=quick")
    text = (project.folder / "fixtures" / "expected" / "no-model.toml").read_text()
    assert tomllib.loads(text)["run"] == [
        {"corpus": "", "lexicon": "", "budget": "", "seed": 0, "verdicts": {"audit.table": "supported"}}
    ]
    assert project.run("--strict-expectations", "--claims=audit.table", "--seed=4", "--budget=full").code == 0
    project.run("--accept", "--claims=audit.table")
    assert (project.folder / "fixtures" / "expected" / "no-model.toml").read_text() == text


def test_a_damaged_record_is_refused_before_anything_runs(make: Make) -> None:
    project = make(CHANGING)
    (project.folder / "fixtures/expected").mkdir(parents=True)
    (project.folder / "fixtures/expected/tiny.toml").write_text("[[run")
    ran = project.run()
    assert ran.code == 4
    assert "fixtures/expected/tiny.toml cannot be read" in ran.err
    assert not project.opened
