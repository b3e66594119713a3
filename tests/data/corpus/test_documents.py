"""Documents of a corpus: nested sizes, no token in both parts, a sentence where there are too few."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semphase.data.corpus.documents import SHORTEST, in_documents
from semphase.errors import SemphaseError


def test_training_stands_first_and_validation_last():
    made = in_documents(range(1000), 3, 2, 100)
    np.testing.assert_array_equal(made.training, np.arange(300).reshape(3, 100))
    np.testing.assert_array_equal(made.validation, np.arange(800, 1000).reshape(2, 100))
    assert made.length == 100


@given(
    training=st.integers(1, 30),
    validation=st.integers(1, 10),
    length=st.integers(SHORTEST, 60),
    extra=st.integers(0, 3000),
)
def test_no_token_is_in_both_parts_and_none_is_invented(training, validation, length, extra):
    tokens = np.arange((training + validation) * SHORTEST + extra)
    made = in_documents(tokens, training, validation, length)
    assert made.training.shape == (training, made.length)
    assert made.validation.shape == (validation, made.length)
    assert made.length == min(length, len(tokens) // (training + validation))
    assert made.training.max() < made.validation.min()
    for document in (*made.training, *made.validation):
        np.testing.assert_array_equal(np.diff(document), 1)


def test_smaller_sizes_lie_within_larger_ones():
    made = in_documents(range(1000), 8, 2, 100)
    np.testing.assert_array_equal(made.first(3).training, made.training[:3])
    assert made.first(3).validation is made.validation


def test_a_short_text_gives_short_documents():
    assert in_documents(range(10 * 33 + 9), 8, 2, 100).length == 33


def test_too_short_a_text_says_how_many_documents_there_are():
    in_documents(range(11 * SHORTEST), 8, 3, 100)
    with pytest.raises(SemphaseError) as caught:
        in_documents(range(11 * SHORTEST - 1), 8, 3, 100, name="the corpus story.txt")
    assert str(caught.value) == (
        "the corpus story.txt has 10 documents of 20 tokens, and 8 for training with 3 for validation are asked for; "
        "give a longer --corpus."
    )


@pytest.mark.parametrize("counts", [(0, 3), (3, 0)])
def test_an_empty_part_is_refused(counts):
    with pytest.raises(SemphaseError, match="give 1 or more of each"):
        in_documents(range(1000), *counts, 100)


def test_unseen_tokens_are_counted_by_size():
    tokens = np.concatenate([np.zeros(20), np.ones(20), np.arange(20)]).astype(int)
    made = in_documents(tokens, 2, 1, 20)
    assert made.unseen(1) == 19
    assert made.unseen(2) == 18
