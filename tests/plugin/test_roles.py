"""`--model base=A --model tuned=B`: who compares, who does not, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semphase.plugin.roles import missing, name_of, players, role_in

if TYPE_CHECKING:
    from tests.plugin.conftest import Make, Project

CLAIMS = """
from stubs import HIGH, LOW, declare
@declare("roles.gain", models=("base", "tuned"))
def test_gain(study, judge):
    assert (study["base"].label, study["tuned"].label) == ("gpt2", "tiny")
    judge(HIGH, control=LOW)
@declare("roles.none")
def test_alone(study, judge):
    judge(HIGH, control=LOW)
"""
ROLES = ("base", "tuned")


@pytest.fixture
def project(make: Make) -> Project:
    return make(CLAIMS)


def test_a_claim_with_roles_gets_each_model_in_its_role(project: Project) -> None:
    ran = project.run("--model=tuned=tiny", "--model=base=gpt2")
    assert ran.code == 0
    assert ran.document is not None
    judged = [(entry["id"], entry["model"], entry["verdict"]) for entry in ran.document["claims"]]
    assert sorted(judged) == [
        ("roles.gain", "gpt2+tiny", "supported"),
        ("roles.none", "gpt2", "supported"),
        ("roles.none", "tiny", "supported"),
    ]
    assert ran.word("test_gain[base=gpt2+tuned=tiny]") == "PASSED"


def test_workers_understand_roles_too(project: Project) -> None:
    ran = project.run("--model=tuned=tiny", "--model=base=gpt2", "-n2", plugins=("xdist",))
    assert ran.code == 0
    assert ran.entries["roles.gain"]["model"] == "gpt2+tiny"


@pytest.mark.parametrize(
    ("models", "sentence"),
    [
        ((), "give --model base=NAME and --model tuned=NAME"),
        (("--model=base=gpt2",), "give --model tuned=NAME"),
        (("--model=base=gpt2", "--model=tiny"), "give --model tuned=NAME"),
    ],
)
def test_an_empty_role_makes_the_claim_not_applicable(project: Project, models: tuple[str, ...], sentence: str) -> None:
    ran = project.run(*models, "--claims=roles.gain")
    assert ran.code == 0
    assert ran.entries["roles.gain"]["verdict"] == "not-applicable"
    assert ran.entries["roles.gain"]["reason"] == f"compares models in roles: {sentence}"
    assert not project.opened


def test_the_same_weights_in_both_roles_are_no_comparison(make: Make) -> None:
    project = make(CLAIMS.partition('@declare("roles.none")')[0])
    ran = project.run("--model=base=tiny", "--model=tuned=tiny")
    assert ran.entries["roles.gain"]["verdict"] == "not-applicable"
    assert ran.entries["roles.gain"]["reason"] == "compares models, and tiny and tiny hold the same weights"
    assert "tiny and tiny hold the same weights" in ran.document["run"]["notices"]


def test_a_role_that_no_claim_declares_is_part_of_the_name(make: Make) -> None:
    ran = make().run("--model=base=gpt2", "--claims=order.high")
    assert ran.code == 4
    assert "there is no model 'base=gpt2'" in ran.err


def test_a_mistyped_role_is_named(project: Project) -> None:
    ran = project.run("--model=bse=tiny", "--model=tuned=tiny")
    assert ran.code == 4
    assert "--model gives the role bse, which no collected claim has: the roles are base, tuned." in ran.err + ran.out


def test_a_role_that_is_given_twice_is_refused(project: Project) -> None:
    ran = project.run("--model=base=gpt2", "--model=base=tiny", "--model=tuned=tiny-deep")
    assert ran.code == 4
    assert "--model gives the role base twice: one model plays it." in ran.err


@given(st.text(), st.text())
def test_a_name_is_never_lost(role: str, name: str) -> None:
    told = f"{role}={name}"
    found, rest = role_in(told)
    assert told == (f"{found}={rest}" if found else rest)
    assert name_of(told, ()) == told


def test_players_stand_in_the_order_of_the_claim() -> None:
    models = ("gpt2", "tuned=./b=c", "base=a")
    assert players(models, ROLES) == ("base=a", "tuned=./b=c")
    assert name_of("tuned=./b=c", ROLES) == "./b=c"
    assert missing(models, ROLES) == ""
