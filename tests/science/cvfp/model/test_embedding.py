"""Vocabularies hold the types that occur, streams the last tokens of each position."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from semphase.errors import SemphaseError
from semphase.models import load
from semphase.science.cvfp.model import stream_of, vocabulary_of


@pytest.fixture(scope="module")
def tiny():
    return load("tiny", device="cpu")


def test_rows_are_the_models_normalised(tiny):
    found = vocabulary_of(tiny, np.array([[7, 3], [3, 9]]), np.array([[5, 3]]))
    assert found.types.tolist() == [3, 5, 7, 9]
    weight = tiny.module.get_input_embeddings().weight[[3, 5, 7, 9]]
    assert torch.equal(found.head, weight)
    centred = weight - weight.mean(dim=1, keepdim=True)
    np.testing.assert_allclose(found.rows, centred / centred.norm(dim=1, keepdim=True) * 8, rtol=1e-3)
    assert not found.rows.requires_grad


def test_float16_is_refused(tiny, documents):
    half = replace(tiny, module=copy.deepcopy(tiny.module).half(), dtype=torch.float16)
    with pytest.raises(SemphaseError, match="float16; choose --dtype float32"):
        vocabulary_of(half, documents)


def test_index_finds_the_rows(tiny):
    found = vocabulary_of(tiny, np.array([[7, 3], [3, 9]]))
    assert found.index(np.array([[9, 3, 7]])).tolist() == [[2, 0, 1]]


@pytest.mark.parametrize("strange", [0, 5, 300])
def test_a_type_without_a_row_is_named(tiny, strange):
    found = vocabulary_of(tiny, np.array([[7, 3], [3, 9]]))
    with pytest.raises(SemphaseError, match=f"no row for token {strange}; "):
        found.index(np.array([[7, strange]]))


def test_a_position_reads_its_last_tokens_and_zeros_before_the_stream(vocabulary):
    stream = stream_of(vocabulary, np.array([[4, 5], [6, 7]]), 2)
    rows, zero = vocabulary.rows, torch.zeros(16)
    expected = [[zero, rows[4]], [rows[4], rows[5]], [rows[5], rows[6]], [rows[6], rows[7]]]
    assert torch.equal(stream.inputs(slice(0, 4)), torch.stack([torch.cat(pair) for pair in expected]))
    assert torch.equal(stream.inputs(slice(2, 3)), torch.cat(expected[2])[None])
    assert stream.ids.tolist() == [4, 5, 6, 7]
    assert (len(stream), stream.documents) == (4, 2)


def test_parts_cover_the_stream_once(vocabulary, documents):
    stream = stream_of(vocabulary, documents, 1)
    parts = stream.parts(7, 100)
    assert [i for part in parts for i in range(part.start, part.stop)] == list(range(100))
    assert {part.stop - part.start for part in parts[:-1]} == {7}


def test_more_input_tokens_than_a_document_has_are_refused(vocabulary, documents):
    with pytest.raises(SemphaseError, match="21 input tokens are more than the 20 tokens of a document"):
        stream_of(vocabulary, documents, 21)
