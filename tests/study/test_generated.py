"""study.generate: what it keeps and under which key, what a text is, and which questions it refuses."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from random_models import random_model, word_tokenizer
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from transformers import PreTrainedTokenizerFast
from wandering import with_tokenizer

from semphase.data.prompts import Prompts
from semphase.errors import SemphaseError
from semphase.measure.edits import added, zeroed
from semphase.measure.items import Items
from semphase.measure.sites import head, stream
from semphase.measure.wiring import keys
from semphase.study.generated import Generated

TEXTS = ["the bank", "kate took the card to the bank by the shore", "leo found the shelf and the bank"]
SENTENCES = ["the bank of the river", "naïve cafés — über alles", "a bank, a river: the bank."]
TOKENS = 6


@pytest.fixture(scope="module", params=["gpt2", "gemma3_text"])
def model(request, tmp_path_factory):
    return random_model(request.param, tmp_path_factory.mktemp("models"))


@pytest.fixture
def study(study_of, model):
    return study_of(model)


@pytest.fixture
def prompts() -> Prompts:
    return Prompts.of("three", TEXTS, at="bank", item=[3, 1, 2], right=[" shore", " the", " card"])


@pytest.fixture
def calls(model):
    found = []
    handle = model.anatomy.embed.register_forward_pre_hook(lambda *_: found.append(1))
    yield found
    handle.remove()


def test_a_second_call_measures_nothing(study_of, model, prompts, calls):
    first = study_of(model).generate(prompts, zeroed(head(1, 2)), tokens=TOKENS)
    assert calls
    calls.clear()
    again = study_of(model).generate(prompts, [zeroed(head(1, 2))], tokens=TOKENS)
    assert calls == []
    for name in ("tokens", "log_probabilities", "flops", "prompt_flops"):
        xr.testing.assert_identical(getattr(first, name), getattr(again, name))
    assert (first.texts == again.texts).all()


@pytest.mark.parametrize(
    "other",
    [
        {"edits": zeroed(head(0, 1))},
        {"tokens": 5},
        {"seed": 1},
        {"temperature": 0.8},
        {"samples": 3},
        {"edits": keys(3)},
    ],
    ids=str,
)
def test_whatever_moves_a_text_is_another_entry(study, prompts, calls, other):
    asked = {"tokens": TOKENS, "temperature": 0.9, "samples": 2, "seed": 0}
    study.generate(prompts, **asked)
    calls.clear()
    study.generate(prompts, **{**asked, **other})
    assert calls


def test_the_seed_is_the_study_s_by_default(study, prompts, calls):
    drawn = study.generate(prompts, tokens=TOKENS, temperature=1.0)
    calls.clear()
    named = study.generate(prompts, tokens=TOKENS, temperature=1.0, seed=study.seed)
    assert calls == []
    xr.testing.assert_identical(drawn.tokens, named.tokens)


def test_labels_of_the_prompts_are_coordinates(study, prompts):
    found = study.generate(prompts, tokens=TOKENS, temperature=1.0, samples=2)
    assert found.tokens.dims == found.log_probabilities.dims == ("prompt", "sample", "step")
    assert found.flops.dims == ("prompt", "sample")
    for part in (found.tokens, found.log_probabilities, found.flops, found.prompt_flops):
        assert part["item"].values.tolist() == [3, 1, 2]
        assert part["right"].values.tolist() == [" shore", " the", " card"]
    assert found.texts.shape == found.repeated().shape == (3, 2)


def test_what_follows_stands_behind_the_prompt_whatever_is_read(study, prompts):
    ends = Prompts.of("ends", TEXTS)
    found, same = study.generate(prompts, tokens=TOKENS), study.generate(ends, tokens=TOKENS)
    assert (found.texts == same.texts).all()
    words = study.generate(ends, tokens=1)
    own = study.prompts(ends).logits().values.argmax(axis=1)
    assert words.tokens.values[:, 0, 0].tolist() == own.tolist()


def test_an_untrained_copy_writes_with_probabilities_of_its_own(study, prompts):
    found = study.untrained[0].generate(prompts, zeroed(head(1, 2)), tokens=TOKENS)
    assert found.tokens.shape == (3, 1, TOKENS)
    own = study.generate(prompts, zeroed(head(1, 2)), tokens=TOKENS)
    assert (found.log_probabilities.values != own.log_probabilities.values).all()


def test_prompts_of_token_ids_have_texts(study, model, prompts):
    ids = [model.encode(text) for text in TEXTS]
    found = study.generate(Prompts.of_tokens("ids", ids), tokens=TOKENS)
    wanted = study.generate(prompts, tokens=TOKENS)
    np.testing.assert_array_equal(found.tokens.values, wanted.tokens.values)
    assert (found.texts == wanted.texts).all()


def test_bad_questions_are_one_sentence_and_compute_nothing(study, model, prompts, calls):
    study.generate(prompts, zeroed(head(1, 2)), tokens=1)
    long = Prompts.of_tokens("long", [[5] * (model.context + 1)])
    plain = Prompts.of("plain", prompts.texts)
    calls.clear()
    for ask, told in (
        (lambda: study.generate(TEXTS), "is no set of prompts"),
        (lambda: study.generate(prompts, ["zeroed"]), "'zeroed' is no edit"),
        (lambda: study.generate(prompts, None), "None is no edit"),
        (lambda: study.generate(plain, answers=1.5), "answers is 1.5; give a text or a token id"),
        (lambda: study.generate(plain, answers={" the": 1}), "answers is {.*}; give a text or a token id"),
        (lambda: study.generate(plain, answers=[None, " a", 1.5]), "answers has None for prompt 0"),
        (lambda: study.generate(plain, answers=[1.5, 2, 3]), "answers has 1.5 for prompt 0"),
        (lambda: study.generate(plain, answers=True), "answers is True"),
        (lambda: study.generate(prompts, tokens=0), "tokens is 0; ask for a whole number"),
        (lambda: study.generate(prompts, samples=0), "samples is 0; ask for a whole number"),
        (lambda: study.generate(prompts, samples=2), "2 samples at temperature 0 are all alike"),
        (lambda: study.generate(prompts, temperature=-0.5), "the temperature -0.5 is no number"),
        (lambda: study.generate(prompts, temperature=float("nan")), "the temperature nan is no number"),
        (lambda: study.generate(prompts, tokens=60), "reads 64, so 60 more do not fit"),
        (lambda: study.generate(long), "has 65 tokens|reads 64|65 tokens"),
        (lambda: study.generate(Prompts.of_tokens("far", [[5, 400]])), "has the token 400 and .* has 337 tokens"),
        (lambda: study.generate(Prompts.of_tokens("below", [[5, -1]])), ""),
        (lambda: study.generate(prompts, zeroed(head(0, 9))), "has no head 9"),
        (lambda: study.generate(prompts, zeroed(head(7))), "has no layer 7"),
        (lambda: study.generate(prompts, zeroed(stream(1, positions=40))), "means position 40"),
    ):
        with pytest.raises(SemphaseError, match=rf"^[^\n]*({told})[^\n]*\.$"):
            ask()
    assert calls == []


def test_an_edit_that_moves_nothing_is_refused(study, model, prompts):
    idle = added(stream(1), np.ones(model.d_model), 0.0)
    with pytest.raises(SemphaseError, match=r"^added\(stream\(1\), .*\) moves nothing; .* must_move=False\.$"):
        study.generate(prompts, idle, tokens=TOKENS)
    allowed = study.generate(prompts, idle, tokens=TOKENS, must_move=False)
    np.testing.assert_array_equal(allowed.tokens.values, study.generate(prompts, tokens=TOKENS).tokens.values)


def generated_by(model, tokenizer, prompt, *written):
    """What was written behind one prompt, by a tokenizer."""
    steps = max(map(len, written))
    tokens = [[[*own, *[-1] * (steps - len(own))] for own in written]]
    given = xr.DataArray(tokens, dims=("prompt", "sample", "step"))
    nothing = xr.DataArray(0.0)
    items = Items.of([prompt])
    own = with_tokenizer(model, tokenizer)
    return Generated(Prompts.of_tokens("one", [prompt]), given, nothing, nothing, nothing, None, own, items)


def fast(inner: Tokenizer, decoder, before) -> PreTrainedTokenizerFast:
    inner.pre_tokenizer, inner.decoder = before, decoder
    letters = pre_tokenizers.ByteLevel.alphabet()
    inner.train_from_iterator(
        SENTENCES, BpeTrainer(vocab_size=320, special_tokens=["<end>"], initial_alphabet=letters, show_progress=False)
    )
    return PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<end>")


def tokenizers_of_pieces():
    return {
        "bytes": fast(Tokenizer(BPE()), decoders.ByteLevel(), pre_tokenizers.ByteLevel(add_prefix_space=False)),
        # It drops the space in front of a text, as Llama's does.
        "metaspace": fast(Tokenizer(BPE()), decoders.Metaspace(), pre_tokenizers.Metaspace()),
    }


@pytest.mark.parametrize("kind", ["bytes", "metaspace"])
@pytest.mark.parametrize(("text", "more"), [("the bank", " of the river"), ("the ban", "k"), ("a", " bank, a river:")])
def test_a_text_is_what_follows_the_prompt_space_and_all(model, kind, text, more):
    tokenizer = tokenizers_of_pieces()[kind]
    before = tokenizer.encode(text, add_special_tokens=False)
    whole = tokenizer.encode(more if kind == "bytes" else more.lstrip(), add_special_tokens=False)
    end = tokenizer.eos_token_id
    found = generated_by(model, tokenizer, before, whole, [*whole, end], [end])
    wanted = more if kind == "bytes" or more.startswith(" ") else f" {more}"  # its pieces begin with a space
    assert found.texts.tolist() == [[wanted, wanted, ""]]
    assert found.written(0, 1) == (*whole, end)


def test_words_are_parted_by_a_space_and_special_tokens_left_out(model):
    tokenizer = word_tokenizer()
    the, bank, by = tokenizer.convert_tokens_to_ids(["the", "bank", "by"])
    found = generated_by(model, tokenizer, [0, the, bank], [by, the, bank], [by, 0], [0])
    assert found.texts.tolist() == [[" by the bank", " by", ""]]


def test_a_prompt_that_ends_inside_a_letter_is_no_obstacle(model):
    tokenizer = tokenizers_of_pieces()["bytes"]
    first, second = (tokenizer.convert_tokens_to_ids(piece) for piece in ("Ã", "¼"))  # the two bytes of ü
    found = generated_by(model, tokenizer, [first], [second])
    assert isinstance(found.texts[0, 0], str)


def test_repetitions_of_what_was_written(model):
    found = generated_by(model, word_tokenizer(), [3], [5, 6, 5, 6, 5, 6], [5, 6, 7, 8], [5, 6, 7])
    np.testing.assert_allclose(found.repeated(2), [[1 - 2 / 5, 0, 0]])
    np.testing.assert_allclose(found.repeated(), [[1 - 2 / 3, 0, np.nan]])
