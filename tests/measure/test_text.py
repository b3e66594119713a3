"""Chunks of a text: consecutive, without overlap, under the model's BOS rule, within its context and the budget."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_models import word_tokenizer
from tokenizers.processors import TemplateProcessing

from semphase.data.corpus import load as load_corpus
from semphase.errors import SemphaseError
from semphase.measure.text import CHUNK, leading_tokens, text_chunks

TEXT = load_corpus("grammar").text[:40_000]
CONTEXT = 64


@pytest.mark.parametrize("family", ["llama", "gemma3_text", "opt"])
def test_chunks_are_the_text_without_overlap(loaded, family):
    model = loaded(family)
    chunks = text_chunks(model, TEXT, None)
    ids = model.encode(TEXT)
    assert chunks.shape == (len(ids) // CONTEXT, CONTEXT)
    assert chunks.ravel().tolist() == ids[: chunks.size]


def test_gpt2_reads_every_chunk_behind_a_bos(loaded):
    model = loaded("gpt2")
    chunks = text_chunks(model, TEXT, None)
    fresh = model.encode(TEXT)[1:]
    assert chunks.shape == (len(fresh) // (CONTEXT - 1), CONTEXT)
    assert (chunks[:, 0] == model.module.config.bos_token_id).all()
    assert chunks[:, 1:].ravel().tolist() == fresh[: chunks[:, 1:].size]


def test_a_tokenizer_that_adds_a_bos_has_it_in_every_chunk(loaded):
    tokenizer = word_tokenizer()
    template = TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 0)])
    tokenizer.backend_tokenizer.post_processor = template
    model = replace(loaded("llama"), tokenizer=tokenizer, prepend_bos=True)
    assert model.encode("the bank")[0] == 0
    assert text_chunks(model, TEXT, 300).tolist() == text_chunks(loaded("gpt2"), TEXT, 300).tolist()


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_a_chunk_is_no_longer_than_the_context(loaded, family):
    model = loaded(family)
    assert text_chunks(model, TEXT, None).shape[1] == CONTEXT
    assert text_chunks(replace(model, context=17), TEXT, None).shape[1] == 17
    assert text_chunks(replace(model, context=10 * CHUNK), TEXT, None).shape[1] == CHUNK


def test_a_length_can_be_asked_for_within_the_context(loaded):
    model = loaded("gpt2")
    assert text_chunks(model, TEXT, None, length=CONTEXT).shape[1] == CONTEXT
    chunks = text_chunks(model, TEXT, 100, length=10)
    assert chunks.shape == (10, 10)
    with pytest.raises(SemphaseError, match=r"^\S+ reads 64 positions, not 65; ask for shorter chunks\.$"):
        text_chunks(model, TEXT, None, length=CONTEXT + 1)


@pytest.mark.parametrize("tokens", [1, 127, 128, 191, 192, 1000, 2048])
@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_a_budget_counts_positions_and_two_chunks_are_the_least(loaded, family, tokens):
    chunks = text_chunks(loaded(family), TEXT, tokens)
    assert len(chunks) == max(2, tokens // CONTEXT)
    np.testing.assert_array_equal(chunks, text_chunks(loaded(family), TEXT, None)[: len(chunks)])


@pytest.mark.parametrize("tokens", [None, 1, 2000])
def test_a_text_of_less_than_two_chunks_is_a_sentence(loaded, tokens):
    words = " ".join(TEXT.split()[: 2 * CONTEXT - 1])
    with pytest.raises(
        SemphaseError, match=r"^note\.txt has 127 tokens for \S+, and perplexity needs two chunks of 64; .*--corpus\.$"
    ):
        text_chunks(loaded("llama"), words, tokens, name="note.txt")
    assert text_chunks(loaded("llama"), f"{words} the", tokens).shape == (2, CONTEXT)


def test_an_empty_text_is_a_sentence(loaded):
    for family in ("gpt2", "llama"):
        with pytest.raises(SemphaseError, match="the corpus has 0 tokens"):
            text_chunks(loaded(family), "", None)


@given(st.lists(st.integers(1, 40), max_size=40), st.integers(1, 30))
def test_leading_tokens_are_those_of_the_whole_text(lengths, count):
    words = ["x" * length for length in lengths]

    def encode(text):
        return [len(word) for word in text.split()]

    assert leading_tokens(encode, " ".join(words), count) == lengths[:count]
