"""What is checked before a run: the models and data of the chosen claims, and nothing else."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Make, Project

CLAIMS = """
from stubs import HIGH, LOW, Needs, declare
@declare("data.words", data="lexicon")
def test_words(study, judge):
    judge(HIGH, control=LOW)
@declare("data.text", data="text", needs=Needs(models=2))
def test_text(study, judge):
    judge(HIGH, control=LOW)
@declare("data.unsaid")
def test_unsaid(study, judge):
    judge(HIGH, control=LOW)
@declare("data.roles", data=("text", "lexicon"), models=("base", "tuned"))
def test_roles(study, judge):
    judge(HIGH, control=LOW)
@declare("data.none", needs=Needs(model=False), control="none: arithmetic")
def test_none(study, judge):
    judge(HIGH)
"""


def checked(project: Project, *options: str) -> dict[str, Any] | None:
    """What the run asked to be checked; None where it checked nothing."""
    place = project.folder / "reads.txt"
    place.unlink(missing_ok=True)
    ran = project.run(*options)
    assert ran.code == 0, ran.out + ran.err
    return ast.literal_eval(place.read_text()) if place.exists() else None


@pytest.mark.slow
def test_each_model_is_checked_for_what_its_claims_read(make: Make) -> None:
    project, two = make(CLAIMS), ("--model=tiny", "--model=gpt2")
    assert checked(project, *two, "--claims=data.words") == {"tiny": ("lexicon",), "gpt2": ("lexicon",)}
    assert checked(project, *two, "--claims=data.text") == {"tiny": ("text",), "gpt2": ("text",)}
    assert checked(project, "--claims=data.words", "--claims=data.text") == {"tiny": ("lexicon", "text")}
    assert checked(project, "--claims=data.unsaid") == {"tiny": ()}
    assert checked(project, "--claims=data.roles", "--model=base=gpt2") is None
    roles = checked(project, "--claims=data.roles", "--model=base=gpt2", "--model=tuned=tiny", "--model=tiny-deep")
    assert roles == {"gpt2": ("text", "lexicon"), "tiny": ("text", "lexicon")}
    assert checked(project, "--claims=data.none", "--model=nonsense", "--device=cuda") is None


def test_a_mere_list_checks_nothing(make: Make) -> None:
    assert checked(make(CLAIMS), "--co", "--model=nonsense", "--out=test_it.py") is None
