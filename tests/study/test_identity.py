"""What tells the verdicts of one study from those of another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from semphase.data.corpus import Corpus
from semphase.data.lexicon import Lexicon
from semphase.data.prompts import Prompts
from semphase.models import Model
from semphase.study import JointStudy, Study
from semphase.study.budget import BUDGETS
from semphase.study.identity import identity_of
from semphase.study.subject import Trained
from semphase.study.substitutes import Substitutes

Make = Callable[..., Study]
CHANGES: dict[str, Callable[[Study], Any]] = {
    "seed": lambda study: 1,
    "memory": lambda study: 10**9,
    "budget": lambda study: BUDGETS["quick"],
    "lexicon": lambda study: Lexicon(study.lexicon.words[:2]),
    "corpus": lambda study: Corpus("other", "anna saw the boat", "00"),
    "substitutes": lambda study: Substitutes({"own": Prompts.of("own", ["the bank"])}),
    "subject": lambda study: Trained(replace(study.model, name="another")),
}


def test_the_same_study_has_the_same_identity(study_of: Make, tiny: Model) -> None:
    assert identity_of(study_of(tiny)) == identity_of(study_of(tiny))


@pytest.mark.parametrize("name", CHANGES)
def test_each_part_of_a_study_tells_it_from_others(study_of: Make, tiny: Model, name: str) -> None:
    study = study_of(tiny)
    other = replace(study, **{name: CHANGES[name](study)})
    assert identity_of(other) != identity_of(study)


def test_roles_and_order_tell_joint_studies_apart(study_of: Make, tiny: Model, random_gpt2: Model) -> None:
    first, second = study_of(tiny), study_of(random_gpt2)
    found = [
        identity_of(JointStudy((first, second))),
        identity_of(JointStudy((second, first))),
        identity_of(JointStudy((first, second), (("base", 0), ("tuned", 1)))),
        identity_of(JointStudy(())),
    ]
    assert all(found.count(own) == 1 for own in found)


def test_token_ids_are_split_once(study_of: Make, tiny: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    study = study_of(tiny)
    found = study.tokens
    assert found.tolist() == tiny.encode(study.corpus.text)
    monkeypatch.setattr(Model, "encode", None)
    assert study_of(tiny).tokens.tolist() == found.tolist()
