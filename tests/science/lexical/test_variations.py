"""Which texts a study shows: every prompt of the lexicon, shortened, suffixed and prefixed ones."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semphase.data.lexicon import Lexicon
from semphase.errors import NotApplicable
from semphase.measure.text import leading_tokens
from semphase.science.lexical.variations import (
    TEXTS,
    prefixed_prompts,
    shortened_prompts,
    suffixed_prompts,
)

PROMPTS_OF_A_WORD = 8 + 8 + 5 * 3 + 10 + 10


def test_every_prompt_once_in_the_lexicons_order(lexicon):
    prompts = lexicon.prompts
    assert len(prompts) == 3 * PROMPTS_OF_A_WORD
    assert list(dict.fromkeys(prompt.word for prompt in prompts)) == list(lexicon.names)
    for prompt in prompts:
        assert prompt.text[prompt.start :] == prompt.word
        (word,) = (word for word in lexicon.words if word.word == prompt.word)
        assert word.prompts(prompt.role)[prompt.index] == prompt.text


def test_shortened_contexts_end_like_the_whole_prompt(lexicon):
    prompts = shortened_prompts(lexicon)
    # Six context nouns make these prompts longer than eight words: lengths 0 … 8.
    assert [prompt.index for prompt in prompts] == list(range(9)) * 6
    for prompt in prompts:
        (word,) = (word for word in lexicon.words if word.word == prompt.word)
        whole = word.prompts(prompt.role)[0]
        assert whole.endswith(prompt.text)
        assert len(prompt.text.split()) == prompt.index + 1
        assert prompt.text[prompt.start :] == prompt.word


def shortened_to(lexicon: Lexicon, words: int) -> Lexicon:
    first = lexicon.words[0]
    text = " ".join([*(["the"] * words), first.word])
    return Lexicon((replace(first, strong_a=(text,)), *lexicon.words[1:]))


def test_the_shortest_context_limits_all(lexicon):
    assert max(prompt.index for prompt in shortened_prompts(shortened_to(lexicon, 5))) == 5


def test_too_short_a_context_is_not_applicable(lexicon):
    with pytest.raises(NotApplicable, match="the shortest strong prompt has 3 words of context and the plane needs 4"):
        shortened_prompts(shortened_to(lexicon, 3))


def test_suffixed_prompts_go_on_after_the_word(lexicon):
    prompts = suffixed_prompts(lexicon)
    assert len(prompts) == 3 * 3 * TEXTS
    first, following = lexicon.words[0], lexicon.words[1]
    foreign = (first.strong_a[0], first.strong_b[0], following.neutral[0])
    own = first.neutral[0]
    assert [prompt.text for prompt in prompts[:TEXTS]] == [own, *(f"{own} {text}" for text in foreign)]
    for prompt in prompts:
        (word,) = (word for word in lexicon.words if word.word == prompt.word)
        assert prompt.text[: prompt.start] + prompt.word == word.prompts(prompt.role)[0]
        assert (prompt.text == word.prompts(prompt.role)[0]) == (prompt.index == 0)
    assert {prompt.role for prompt in prompts} == {"neutral", "strong_a", "strong_b"}


def test_prefixed_prompts_have_the_same_texts_before_the_neutral_prompt(lexicon):
    prompts = prefixed_prompts(lexicon)
    suffixed = [prompt for prompt in suffixed_prompts(lexicon) if prompt.role == "neutral"]
    assert len(prompts) == len(suffixed) == 3 * TEXTS
    for before, after in zip(prompts, suffixed, strict=True):
        (word,) = (word for word in lexicon.words if word.word == before.word)
        own = word.neutral[0]
        assert (before.word, before.role, before.index) == (after.word, after.role, after.index)
        assert before.text == f"{after.text.removeprefix(own).strip()} {own}".strip()
        assert before.text[before.start :] == before.word


def test_the_last_words_following_word_is_the_first(lexicon):
    last = [prompt for prompt in suffixed_prompts(lexicon) if prompt.word == lexicon.names[-1]][TEXTS - 1]
    assert last.text.endswith(lexicon.words[0].neutral[0])


@given(st.text(" ab", max_size=200), st.integers(1, 8))
def test_the_first_tokens_are_those_of_the_whole_text(text, count):
    def encode(part: str) -> list[int]:
        return [len(word) for word in part.split()]

    found = leading_tokens(encode, text, count)
    # A word longer than twelve letters may be cut; then the beginning does not end with a whole token.
    if all(len(word) < 6 for word in text.split()):
        assert len(found) == min(count, len(encode(text)))
        assert found[:-1] == encode(text)[: len(found)][:-1]
