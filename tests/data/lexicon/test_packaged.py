"""The packaged lexicons: enough words, the study's among them, no prompt twice."""

from __future__ import annotations

import re
from collections import Counter
from itertools import chain
from pathlib import Path

import pytest

from semphase.data.lexicon import CONDITIONS, DIRECTIONS, GRADIENTS, Word, load
from semphase.models import fixture
from semphase.models.packaged import lexicon_names, lexicon_path

OF_THE_STUDY = {"bank", "bat", "crane", "spring", "rock", "match", "light", "pitcher", "bass"}
ROLES = (*DIRECTIONS, *CONDITIONS, *GRADIENTS)


SIDES = ("direction", "weak", "strong", "gradient")
CLAUSE = 5


@pytest.fixture(params=["english", "english-2", "grammar"])
def lexicon(request):
    return load(fixture(f"lexicon/{request.param}.toml"))


@pytest.fixture(params=["english", "english-2"])
def english(request):
    return load(fixture(f"lexicon/{request.param}.toml"))


@pytest.fixture
def second():
    return load(fixture("lexicon/english-2.toml"))


def clauses(word: Word, roles: tuple[str, ...]) -> set[tuple[str, ...]]:
    """Every five words in a row in the prompts of these roles, the ambiguous word left out."""
    texts = [re.findall(r"\w+", text.lower())[:-1] for role in roles for text in word.prompts(role)]
    return {tuple(own[at : at + CLAUSE]) for own in texts for at in range(len(own) - CLAUSE + 1)}


def test_lexicons_have_names_and_all_else_is_a_path(tmp_path):
    assert lexicon_names() == ("english", "english-2", "grammar")
    assert lexicon_path("english-2", tmp_path) == fixture("lexicon/english-2.toml")
    assert lexicon_path("mine.toml", tmp_path) == tmp_path / "mine.toml"
    assert lexicon_path(str(tmp_path / "mine.json"), Path("elsewhere")) == tmp_path / "mine.json"


def test_the_english_lexicon_has_the_words_of_the_study_and_more():
    names = load(fixture("lexicon/english.toml")).names
    assert set(names) >= OF_THE_STUDY
    assert len(names) >= 24


def test_every_prompt_ends_with_its_word(lexicon):
    for word in lexicon.words:
        assert word.sense_a != word.sense_b
        for role in ROLES:
            assert all(text.endswith(f" {word.word}") for text in word.prompts(role))


def test_no_prompt_is_there_twice(lexicon):
    counts = Counter(text for word in lexicon.words for role in ROLES for text in word.prompts(role))
    assert counts.most_common(1)[0][1] == 1


def test_words_stand_once_in_their_prompts(lexicon):
    for word in lexicon.words:
        for role in ROLES:
            assert all(text.split().count(word.word) == 1 for text in word.prompts(role)), (word.word, role)


def test_strong_prompts_leave_enough_context_for_the_plane(lexicon):
    for word in lexicon.words:
        assert all(len(text.split()) > 4 for text in (*word.strong_a, *word.strong_b))


def test_gradients_and_conditions_share_no_direction_sentence(lexicon):
    for word in lexicon.words:
        directions = {text for role in DIRECTIONS for text in word.prompts(role)}
        assert not directions & {text for role in (*CONDITIONS, *GRADIENTS) for text in word.prompts(role)}


def test_no_clause_stands_in_direction_condition_and_gradient_prompts(english):
    for word in english.words:
        own = [clauses(word, roles) for roles in (DIRECTIONS, CONDITIONS, GRADIENTS)]
        assert len(set().union(*own)) == sum(map(len, own)), word.word


def test_the_second_english_lexicon_has_twelve_other_words(second):
    assert len(second.names) == 12
    assert not set(second.names) & set(load(fixture("lexicon/english.toml")).names)


def test_both_senses_of_the_second_have_as_many_prompts_of_one_length(second):
    for word in second.words:
        for side in SIDES:
            a, b = word.prompts(f"{side}_a"), word.prompts(f"{side}_b")
            assert len(a) == len(b)
            assert abs(sum(len(text.split()) for text in a) - sum(len(text.split()) for text in b)) <= len(a), word.word


def test_prompt_by_prompt_both_senses_of_the_second_have_the_same_word_before_it(second):
    for word in second.words:
        for side in SIDES:
            before = [[text.split()[-2] for text in word.prompts(f"{side}_{sense}")] for sense in "ab"]
            assert before[0] == before[1], (word.word, side)
            assert set(chain(*before)) <= {"the", "a", "that", "this", "his"}


def test_english_prompts_have_nine_to_fourteen_words(english):
    lengths = {len(text.split()) for word in english.words for role in ROLES for text in word.prompts(role)}
    assert min(lengths) >= 9
    assert max(lengths) <= 14


def test_english_words_have_as_many_prompts_of_each_role(english):
    for word in english.words:
        assert [len(word.prompts(role)) for role in ROLES] == [8, 8, 3, 3, 3, 3, 3, 10, 10]
