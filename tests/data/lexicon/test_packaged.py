"""The packaged lexicons: enough words, the study's among them, no prompt twice."""

from __future__ import annotations

from collections import Counter

import pytest

from semphase.data.lexicon import CONDITIONS, DIRECTIONS, GRADIENTS, load
from semphase.models import fixture

OF_THE_STUDY = {"bank", "bat", "crane", "spring", "rock", "match", "light", "pitcher", "bass"}
ROLES = (*DIRECTIONS, *CONDITIONS, *GRADIENTS)


@pytest.fixture(params=["english", "grammar"])
def lexicon(request):
    return load(fixture(f"lexicon/{request.param}.toml"))


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
