"""The share of n-grams that occurred before."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semphase.stats.ngrams import repeated_share


@pytest.mark.parametrize(
    ("tokens", "n", "share"),
    [
        ([1, 2, 3, 4, 5], 1, 0),
        ([1, 1, 1, 1], 1, 3 / 4),
        ([1, 2, 1, 2, 1, 2], 2, 1 - 2 / 5),
        ([1, 2, 3, 4, 1, 2, 3, 4], 4, 1 - 4 / 5),
        ([1, 2, 3, 4], 4, 0),
    ],
)
def test_known_shares(tokens, n, share):
    assert repeated_share(tokens, n) == pytest.approx(share)


@pytest.mark.parametrize("tokens", [[], [1], [1, 2, 3]])
def test_texts_without_an_n_gram_have_none(tokens):
    assert math.isnan(repeated_share(tokens))


@given(st.lists(st.integers(0, 4), min_size=1, max_size=30), st.integers(1, 5))
def test_it_is_0_where_all_are_distinct_and_below_1(tokens, n):
    share = repeated_share(tokens, n)
    seen, again, count = [], 0, len(tokens) - n + 1
    for k in range(count):
        again += tokens[k : k + n] in seen
        seen.append(tokens[k : k + n])
    if count < 1:
        assert math.isnan(share)
    else:
        assert 0 <= share < 1
        assert (share == 0) == (again == 0)
        assert share == pytest.approx(again / count)
