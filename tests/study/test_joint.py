"""Several studies as one: order, labels, copies of one seed together."""

from __future__ import annotations

from dataclasses import replace

import pytest
from random_models import random_model

from semphase.study import JointStudy


@pytest.fixture
def joint(study_of, tmp_path) -> JointStudy:
    """Three models whose orders on the command line, by size and by depth all differ."""
    model = random_model("gpt2", tmp_path)
    sizes = {"b": (20, 3), "c": (30, 1), "a": (10, 2)}
    models = [replace(model, name=name, parameters=size, layers=depth) for name, (size, depth) in sizes.items()]
    return JointStudy(tuple(study_of(one) for one in models))


def names(studies) -> str:
    return "".join(study.label for study in studies)


def test_orders(joint):
    assert names(joint.each) == "bca"
    assert names(joint.by_size) == "abc"
    assert joint.label == "b+c+a"
    assert [model.name for model in joint.models] == ["b", "c", "a"]


def test_the_lexicon_is_that_of_all(joint):
    assert all(study.lexicon is joint.lexicon for study in joint.each)


def test_copies_of_one_seed_come_together(joint):
    copies = joint.untrained
    assert len(copies) == 5
    for seed, copy in enumerate(copies):
        assert [study.subject.seed for study in copy.each] == [seed] * 3
        assert [study.subject.parent for study in copy.each] == [study.subject for study in joint.each]


def test_provenance_lists_every_model_and_notice(joint):
    joint.each[1].store.notices.append("a notice")
    told = joint.provenance()
    assert [model["name"] for model in told["models"]] == ["b", "c", "a"]
    assert "a notice" in told["notices"]


def test_a_study_without_models_is_for_audits():
    assert JointStudy(()).models == ()
    assert JointStudy(()).label == ""
