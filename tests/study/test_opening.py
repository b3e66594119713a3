"""From settings to studies: opened once, kept until they are let go."""

from __future__ import annotations

import weakref
from dataclasses import replace

import pytest
import torch

from semphase.data.lexicon import Lexicon, dump
from semphase.errors import SemphaseError
from semphase.models import Model
from semphase.study import JointStudy, Study, close_studies, open_study
from semphase.study.given import speaks_grammar


def test_one_model_gives_a_study_and_several_a_joint_one(settings, lexicon):
    study = open_study(settings, ("tiny",))
    assert isinstance(study, Study)
    assert (study.label, study.seed, study.budget.name) == ("tiny", 3, "quick")
    assert study.lexicon == lexicon
    joint = open_study(settings, ("tiny", "tiny"))
    assert isinstance(joint, JointStudy)
    assert joint.each == (study, study)  # opened once
    assert open_study(settings, ()) == JointStudy(())


def test_a_study_stays_open_until_it_is_let_go(settings):
    study = open_study(settings, ("tiny",))
    close_studies(keep=("tiny",))
    assert open_study(settings, ("tiny",)) is study
    close_studies()
    assert open_study(settings, ("tiny",)) is not study


def test_of_a_study_that_is_kept_for_later_the_copies_leave(settings):
    study = open_study(settings, ("tiny",))
    copy = study.untrained[0]
    module, weights = weakref.ref(copy.model.module), copy.model.anatomy.embed.weight.clone()
    close_studies(keep=("tiny",), using=("tiny",))
    assert study.untrained[0] is copy
    del copy
    close_studies(keep=("tiny",), using=())
    assert module() is None
    assert open_study(settings, ("tiny",)) is study
    assert torch.equal(study.untrained[0].model.anatomy.embed.weight, weights)


def test_the_models_of_one_test_share_the_memory_for_copies(settings):
    close_studies()
    whole = replace(settings, memory=9000)
    assert open_study(whole, ("tiny",)).subject.memory == 9000
    joint = open_study(whole, ("tiny-short", "tiny", "tiny-deep"))
    assert [study.subject.memory for study in joint.each] == [3000] * 3
    assert open_study(whole, ("tiny",)).subject.memory == 9000


def test_a_joint_study_knows_its_models_by_their_roles(settings):
    played = replace(settings, roles=(("tuned", "tiny"), ("base", "tiny")))
    joint = open_study(played, ("tiny", "tiny"))
    assert joint["base"] is joint["tuned"] is joint.each[0]
    with pytest.raises(SemphaseError, match=r"no model plays the role 'teacher' here: .* give --model teacher=NAME"):
        joint["teacher"]


def test_several_lexicons_are_one(settings, files, lexicon):
    parts = (files / "first.toml", files / "second.toml")
    for path, words in zip(parts, (lexicon.words[:1], lexicon.words[1:]), strict=True):
        path.write_text(dump(Lexicon(words)), encoding="utf-8")
    assert open_study(replace(settings, lexicons=parts), ("tiny",)).lexicon == lexicon


@pytest.mark.parametrize(
    ("models", "grammar"),
    [(("tiny",), True), (("tiny-short", "tiny", "tiny-deep"), True), (("tiny", "gpt2"), False), ((), False)],
)
def test_the_generated_language_is_for_the_tiny_models_alone(models, grammar):
    assert speaks_grammar(models) is grammar


def test_a_model_on_several_devices_is_told(settings, monkeypatch):
    where = (torch.device("cpu"), torch.device("meta", 1))
    monkeypatch.setattr(Model, "devices", property(lambda _: where))
    monkeypatch.setattr("semphase.study.opening.require_precision", lambda device, *_: asked.append(device))
    asked = []
    study = open_study(replace(settings, models=()), ("tiny-short",))
    assert "the weights of tiny-short are spread over cpu, meta:1." in study.store.notices
    assert asked == list(where)
