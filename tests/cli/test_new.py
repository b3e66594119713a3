"""`semphase new`: a claim file to start from, which can be listed and registered as it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from command import Run

from semphase.cli.starting import KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_declares_a_claim_of_its_own_group(run: Run, folder: Path, kind: str) -> None:
    told = run("new", "my-idea", "--kind", kind, "--json").json
    assert told == {
        "file": "test_my_idea.py",
        "next": ["semphase register test_my_idea.py", "pytest test_my_idea.py --semphase-model=tiny"],
    }
    (row,) = run("list", "test_my_idea.py", "--json").json["claims"]
    assert row["group"] == "my_idea"
    assert row["registration"]["status"] == "unregistered"
    assert run("register", "test_my_idea.py").code == 0


def test_nothing_is_written_over(run: Run, folder: Path) -> None:
    assert "wrote test_a_b.py" in run("new", "a-b").out
    (folder / "test_a_b.py").write_text("mine")
    assert run("new", "a-b", "--kind", "edit").refusal == (
        "test_a_b.py is there already: choose another name, or move it away"
    )
    assert (folder / "test_a_b.py").read_text() == "mine"


@pytest.mark.parametrize("name", ["Sinks", "9lives", "a b", "../a", "", "a.b", "é"])
def test_names_that_are_none(run: Run, folder: Path, name: str) -> None:
    assert "is no name for a group" in run("new", "--", name).refusal
    assert [path.name for path in folder.iterdir()] == ["test_a.py"]


def test_a_kind_that_is_none(run: Run) -> None:
    ran = run("new", "a", "--kind", "poem")
    assert (ran.code, ran.out) == (2, "")
    assert "'responses', 'edit', 'prompts'" in " ".join(ran.err.split())
