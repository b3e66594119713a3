"""What models see of prompts and answers: their own tokens, the position of the word, the answer as it goes on."""

from __future__ import annotations

import numpy as np
import pytest
from random_models import random_model

from semphase.data.lexicon import load as load_lexicon
from semphase.data.prompts import Prompts
from semphase.errors import NotApplicable, SemphaseError
from semphase.measure.locating import answers_of, items_of
from semphase.measure.targets import locate_all
from semphase.models import fixture

TEXTS = ["the bank by the shore .", "the bank"]


@pytest.fixture(scope="module", params=["gpt2", "llama"])
def model(request, tmp_path_factory):
    return random_model(request.param, tmp_path_factory.mktemp("models"))


def test_texts_are_read_as_the_model_is(model):
    items = items_of(model, Prompts.of("two", TEXTS))
    assert items.tokens == tuple(tuple(model.encode(text)) for text in TEXTS)
    assert items.at == tuple(len(tokens) - 1 for tokens in items.tokens)
    assert items.tokens[1][-1] == model.tokenizer.convert_tokens_to_ids("bank")


def test_positions_are_words_or_integers_of_the_tokens_that_the_model_sees(model):
    words = items_of(model, Prompts.of("two", TEXTS, at=["the", "bank"]))
    assert [items[at] for items, at in zip(words.tokens, words.at, strict=True)] == [
        model.tokenizer.convert_tokens_to_ids(word) for word in ("the", "bank")
    ]
    assert words.at[0] == model.prepend_bos + 3
    assert items_of(model, Prompts.of("two", TEXTS, at=[1, -1])).at == (1, len(words.tokens[1]) - 1)
    with pytest.raises(
        SemphaseError, match=rf"^prompt 1 of 'two' is to be read at 5 and has .* tokens for {model.name}\.$"
    ):
        items_of(model, Prompts.of("two", TEXTS, at=5))


def test_the_lexicon_is_located_as_the_lexicon_s_own_prompts_are(model):
    lexicon = load_lexicon(fixture("lexicon/grammar.toml"))
    roles = ("direction_a", "direction_b", "neutral", "strong_a", "gradient_b")
    items = items_of(model, Prompts.from_lexicon(lexicon, roles))
    found = dict(zip(Prompts.from_lexicon(lexicon, roles).texts, zip(items.tokens, items.at, strict=True), strict=True))
    for target in locate_all(model, lexicon.prompts):
        if target.prompt.role in roles:
            assert found[target.prompt.text] == (target.tokens, target.position)


def test_token_ids_are_seen_as_they_are(model):
    items = items_of(model, Prompts.of_tokens("random", [[5, 6, 5, 6], [7]], at=[1, 0]))
    assert (items.tokens, items.at) == (((5, 6, 5, 6), (7,)), (1, 0))
    vocabulary = model.module.config.vocab_size
    with pytest.raises(SemphaseError, match=rf"^prompt 0 of 'random' has the token {vocabulary} and {model.name} has "):
        items_of(model, Prompts.of_tokens("random", [[vocabulary]]))
    with pytest.raises(SemphaseError, match=r"has 65 tokens and .* reads 64; shorten it\.$"):
        items_of(model, Prompts.of_tokens("random", [[1] * 65]))


def test_texts_of_another_language_do_not_apply(model):
    with pytest.raises(NotApplicable, match=r"of the prompts 'english' is unknown to .*'s tokenizer"):
        items_of(model, Prompts.of("english", ["Mary und John kommen an"]))
    with pytest.raises(NotApplicable, match=r"does not know the word 'zebra'"):
        items_of(model, Prompts.of("some", ["the bank by the zebra ."], at="zebra"))


def test_pairs_have_equal_lengths(model):
    same = Prompts.of("clean", TEXTS).paired(Prompts.of("corrupt", ["the pen by the shore .", "the pen"]))
    assert items_of(model, same).lengths == items_of(model, same.partner).lengths
    longer = Prompts.of("clean", TEXTS).paired(Prompts.of("corrupt", ["the pen by the shore .", "the old pen"]))
    lengths = [2 + model.prepend_bos, 3 + model.prepend_bos]
    told = rf"^pair 1 of 'clean' and 'corrupt' has {lengths[0]} and {lengths[1]} tokens for {model.name}; "
    with pytest.raises(SemphaseError, match=told):
        items_of(model, longer)


def test_an_answer_has_the_tokens_that_follow(model):
    prompts, ids = Prompts.of("two", TEXTS, at=["bank", "bank"]), model.tokenizer.convert_tokens_to_ids
    assert answers_of(model, prompts, " shore") == ((ids("shore"),),) * 2
    assert answers_of(model, prompts, [" the shore", " by"]) == ((ids("the"), ids("shore")), (ids("by"),))
    assert answers_of(model, prompts, np.array([5, 7])) == ((5,), (7,))
    assert answers_of(model, prompts, [[5, 6], np.array([7])]) == ((5, 6), (7,))
    assert answers_of(model, prompts, 5) == ((5,), (5,))
    tokens = Prompts.of_tokens("random", [[5, 6]])
    assert answers_of(model, tokens, "the shore") == ((ids("the"), ids("shore")),)


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ("shore", "the answer 'shore' goes on with the last word of 'the bank'"),
        (" zebra", "the answer ' zebra' has no token of its own"),
        ("", "the answer '' has no token of its own"),
        ([" by"], "right has 1 entries for the 2 prompts of 'two'"),
        ([[], [1]], "right has \\[\\] for prompt 0"),
        (10**6, "right has 1000000 for prompt 0"),
    ],
)
def test_answers_that_cannot_be_read_are_one_sentence(model, answers, told):
    with pytest.raises(SemphaseError, match=rf"^[^\n]*{told}[^\n]*\.$"):
        answers_of(model, Prompts.of("two", TEXTS, at="bank"), answers, "right")
