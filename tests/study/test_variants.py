"""Variants of a study: what a universe makes of it, and what it shares with it."""

from __future__ import annotations

import pytest

from semphase.data.prompts import Prompts
from semphase.errors import NotApplicable, SemphaseError
from semphase.study.joint import JointStudy
from semphase.study.study import Study
from semphase.verdict.universe import Universe
from semphase.verdict.universes import universe

OWN = Prompts.of("own", ["anna saw the boat", "the bank"])
FEWER = Prompts.of("own", ["the bank"])


def other_seed(study: Study) -> Study:
    return study.varied(seed=study.seed + 1)


def shorter(study: Study) -> Study:
    return study.varied(prompts=[FEWER])


def nothing(study: Study) -> Study:
    return study


def test_a_universe_is_made_once_and_has_no_control(study_of, tiny):
    study = study_of(tiny)
    own = study.in_universe(universe(other_seed))
    assert own is study.in_universe(universe(other_seed))
    assert (own.seed, own.base, own.untrained) == (study.seed + 1, study, ())
    assert own.store is study.store
    assert own.rng("a purpose").random() != study.rng("a purpose").random()


def test_copies_in_a_universe_stand_on_the_copies_of_its_base(study_of, tiny):
    study = study_of(tiny)
    own = study.in_universe(universe("projection"))
    assert [copy.base for copy in own.copies] == list(study.copies)
    assert own.copies[1].choice("overlap") == "projection"
    assert study.untrained == study.copies
    assert study.choice("overlap") is None


def test_words_are_drawn_and_not_chosen(study_of, tiny, lexicon):
    study = study_of(tiny)
    drawn = {study_of(tiny, seed=seed).varied(words=2).lexicon.names for seed in range(20)}
    assert len(drawn) == 3  # every pair of three words
    assert study.varied(words=2).lexicon == study.varied(words=2).lexicon
    with pytest.raises(NotApplicable, match="the lexicon has 3 words and a draw of 4 needs more"):
        study.in_universe(universe("4 words"))


def test_a_set_of_prompts_takes_the_place_of_its_namesake(study_of, tiny):
    study = study_of(tiny)
    assert len(study.in_universe(universe(shorter)).prompts(OWN).prompts) == 1
    assert len(study.prompts(OWN).prompts) == 2


def test_a_function_that_makes_no_other_study_is_told_in_a_sentence(study_of, tiny):
    study = study_of(tiny)
    for broken in (nothing, lambda _: None):
        with pytest.raises(SemphaseError, match=r"the universe 'broken' made .*: return study\.varied"):
            study.in_universe(Universe("broken", broken))


def test_a_universe_of_several_models_is_one_of_each(study_of, tiny, random_gpt2):
    joint = JointStudy((study_of(tiny), study_of(random_gpt2)))
    own = joint.in_universe(universe(other_seed))
    assert [study.base for study in own.each] == list(joint.each)
    assert own.untrained == ()
