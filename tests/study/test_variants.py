"""Variants of a study: what a universe makes of it, and what it shares with it."""

from __future__ import annotations

import pytest

from semphase.data.prompts import Prompts
from semphase.errors import NotApplicable, SemphaseError
from semphase.study.asked import require_asked
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


def without_a_study() -> Study:
    raise AssertionError


def of_two(study: Study, other: Study) -> Study:
    raise AssertionError


def its_control(study: Study) -> Study:
    return study.untrained[0]


def leaving(study: Study) -> Study:
    raise SystemExit(3)


def dividing(study: Study) -> Study:
    return study.varied(seed=study.seed // 0)


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        (nothing, "it gives back the study itself, which is no other analysis: return study.varied"),
        (lambda _: None, "it makes NoneType of the study: return study.varied"),
        (its_control, "it gives another study, which is no variant of this one: return study.varied"),
        (leaving, r"its function broke: SystemExit: 3 \(test_variants.py:\d+\)"),
        (without_a_study, "its function is given one argument, the study"),
        (of_two, "its function is given one argument, the study"),
        (dividing, r"its function broke: ZeroDivisionError: .* \(test_variants.py:\d+\)"),
    ],
)
def test_a_function_that_makes_no_other_study_is_told_in_a_sentence(study_of, tiny, broken, sentence):
    with pytest.raises(SemphaseError, match=sentence):
        study_of(tiny).in_universe(Universe("broken", broken))


def halves_exchanged(study: Study) -> Study:
    return study.varied(seed=study.seed + 2)


def test_universes_of_one_name_are_not_one_universe(study_of, tiny):
    study = study_of(tiny)
    made = [study.in_universe(Universe("own", of)) for of in (other_seed, shorter)]
    assert [own.seed - study.seed for own in made] == [1, 0]
    named, mine = universe("halves exchanged"), universe(halves_exchanged)
    assert named.name == mine.name
    assert study.in_universe(named).choice("half") == "other"
    assert study.in_universe(mine).choice("half") is None
    assert study.in_universe(universe("halves exchanged")) is study.in_universe(named)
    assert named.identity != mine.identity


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        ({"prompts": FEWER}, r"takes a list of sets of prompts and got the set 'own' alone: prompts=\[SET\]"),
        ({"prompts": "own"}, r"takes a list of sets of prompts and got 'own'"),
        ({"prompts": 3}, r"takes a list of sets of prompts and got 3"),
        ({"prompts": ["a"]}, r"got 'a' as a set of prompts: make one with Prompts.of"),
        ({"prompts": [OWN, FEWER]}, r"two sets of prompts named 'own': keep one"),
        ({"corpus": "wiki"}, r"got corpus='wiki': give a Corpus"),
        ({"lexicon": ["bank"]}, r"got lexicon=\['bank'\]: give a Lexicon"),
        ({"seed": "a"}, r"got seed='a': give a whole number from 0 on"),
        ({"seed": -1}, r"got seed=-1"),
        ({"seed": True}, r"got seed=True"),
        ({"words": -3}, r"got words=-3: give a whole number above 0"),
        ({"words": 2.0}, r"got words=2.0"),
    ],
)
def test_what_a_variant_cannot_be_made_of_is_told_in_a_sentence(study_of, tiny, chosen, sentence):
    with pytest.raises(SemphaseError, match=sentence):
        study_of(tiny).varied(**chosen)


def test_words_of_a_lexicon_that_is_given_are_not_drawn_of_another(study_of, tiny, lexicon):
    with pytest.raises(SemphaseError, match="give one of them"):
        study_of(tiny).varied(lexicon=lexicon, words=2)


def test_a_choice_that_nothing_asks_for_and_a_set_that_nothing_reads_are_errors(study_of, tiny):
    study = study_of(tiny)
    misspelt, unread = study.varied(promts=[FEWER]), study.varied(prompts=[FEWER])
    with pytest.raises(SemphaseError, match="nothing asked for promts, so it varies nothing: study"):
        require_asked([misspelt])
    with pytest.raises(SemphaseError, match="nothing reads prompts named 'own'"):
        require_asked([unread])
    assert misspelt.choice("promts") == [FEWER]
    unread.prompts(OWN)
    require_asked([misspelt, unread, study.varied(overlap="projection"), study.varied(), study])
    mine = study.varied(mine=1)
    mine.copies[0].choice("mine")  # in the name of its study
    require_asked([mine])


def test_a_universe_of_several_models_is_one_of_each(study_of, tiny, random_gpt2):
    joint = JointStudy((study_of(tiny), study_of(random_gpt2)))
    own = joint.in_universe(universe(other_seed))
    assert [study.base for study in own.each] == list(joint.each)
    assert own.untrained == ()
