"""Where a word is read: at its last piece, behind whatever the tokenizer puts in front."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tokenizers import Tokenizer, normalizers
from tokenizers.models import WordPiece
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from semphase.data.lexicon import Prompt
from semphase.errors import SemphaseError
from semphase.measure.targets import locate, locate_all

PIECES = ("<bos>", "<eos>", "<unk>", "the", "saw", "bank", "cr", "##ane", "##s", ",", "a")


def tokenizer(template: str | None = None, lower: bool = False) -> PreTrainedTokenizerFast:
    """Splits "crane" into two pieces; `template` adds special tokens around a text."""
    inner = Tokenizer(WordPiece({piece: i for i, piece in enumerate(PIECES)}, unk_token="<unk>"))
    inner.pre_tokenizer = Whitespace()
    if lower:
        inner.normalizer = normalizers.Lowercase()
    if template is not None:
        inner.post_processor = TemplateProcessing(single=template, special_tokens=[("<bos>", 0), ("<eos>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=inner, bos_token="<bos>", eos_token="<eos>", unk_token="<unk>")


@pytest.fixture
def splitting(loaded):
    return lambda **options: replace(loaded("llama"), tokenizer=tokenizer(**options))


def prompt(text: str, word: str) -> Prompt:
    return Prompt(word, "neutral", 0, text, text.rindex(word))


def test_a_split_word_is_read_at_its_last_piece(splitting):
    target = locate(splitting(), prompt("the crane saw the bank", "crane"))
    assert [PIECES[token] for token in target.tokens] == ["the", "cr", "##ane", "saw", "the", "bank"]
    assert (target.position, target.pieces) == (2, 2)


def test_the_place_in_the_text_counts_not_the_first_occurrence(splitting):
    target = locate(splitting(), prompt("the bank saw the bank", "bank"))
    assert target.position == 4


def test_pieces_glued_to_the_word_are_read_with_it(splitting):
    """A tokenizer may cut the word's end elsewhere; the piece that holds its last character counts."""
    target = locate(splitting(), prompt("the cranes saw a bank", "crane"))
    assert (target.position, target.pieces) == (2, 2)


@pytest.mark.parametrize(("template", "shift"), [("<bos> $A", 1), ("<bos> <bos> $A <eos>", 2), ("$A <eos>", 0)])
def test_special_tokens_shift_the_place(splitting, template, shift):
    target = locate(splitting(template=template), prompt("the crane", "crane"))
    assert target.position == 2 + shift
    assert target.tokens[target.position] == PIECES.index("##ane")
    assert target.tokens[-1] == PIECES.index("##ane")  # a final <eos> is no part of a prompt


def test_gpt2_reads_behind_its_bos(loaded, prompts):
    target = locate(loaded("gpt2"), prompts[0])
    assert target.tokens[0] == loaded("gpt2").tokenizer.bos_token_id
    assert target.position == len(target.tokens) - 1
    assert loaded("gpt2").tokenizer.decode([target.tokens[target.position]]) == prompts[0].word


def test_a_suffix_leaves_the_place_where_it_was(loaded, prompts):
    plain, *suffixed = (locate(loaded("llama"), one) for one in prompts[6:10])
    assert [target.position for target in suffixed] == [plain.position] * 3
    assert all(len(target.tokens) > len(plain.tokens) for target in suffixed)


def test_a_word_the_tokenizer_does_not_know_is_named_with_its_prompt(splitting):
    with pytest.raises(SemphaseError, match=r"the word 'pitcher' cannot be found .* in the prompt 'the pitcher'"):
        locate(splitting(), prompt("the pitcher", "pitcher"))


def test_a_word_that_is_one_of_many_unknown_ones_is_named_too(loaded):
    """A word-level tokenizer turns a foreign lexicon into unknown tokens throughout."""
    prompts = (prompt("the bank", "bank"), prompt("Coconuts fell off a palm", "palm"))
    with pytest.raises(SemphaseError, match=r"'palm' cannot be found .* in the prompt 'Coconuts fell off a palm'"):
        locate_all(loaded("llama"), prompts)


def test_special_tokens_that_change_the_splitting_are_an_error(splitting):
    model = splitting()
    model = replace(model, tokenizer=_ChangesItsMind(model.tokenizer))
    with pytest.raises(SemphaseError, match="special tokens change how 'the crane' is split"):
        locate(model, prompt("the crane", "crane"))


def test_a_prompt_longer_than_the_model_reads_is_an_error(splitting):
    model = replace(splitting(), context=3)
    with pytest.raises(SemphaseError, match=r"has 4 tokens and .* reads 3; shorten it"):
        locate(model, prompt("the bank saw bank", "bank"))


class _ChangesItsMind:
    """A tokenizer that splits a text in another way once it adds special tokens."""

    def __init__(self, inner: PreTrainedTokenizerFast) -> None:
        self.inner, self.unk_token_id, self.eos_token_id = inner, inner.unk_token_id, inner.eos_token_id

    def __call__(self, text: str, **options: object) -> object:
        return self.inner(text, **options)

    def encode(self, text: str, add_special_tokens: bool = True) -> list[int]:
        return self.inner.encode(text)[::-1]
