"""The detail of a verdict in a few words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semphase.report.summarised import LONGEST, summarised, summary

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "–"),
        (True, "yes"),
        (0.123456, "0.1235"),
        (" two\nlines ", "two lines"),
        ([], "nothing"),
        ({}, "nothing"),
        ([1, None, 3], "1, –, 3"),
        ([1, 2, 3, 4, 5, None], "6 numbers (1 missing) from 1 to 5, median 3"),
        ([None] * 7, "7 missing numbers"),
        ([[1, 2], [3, 4], [5, 6]], "3 × 2 numbers from 1 to 6, median 3.5"),
        ([[1, 2, 3], [4, 5, 6], [7]], "7 numbers from 1 to 7, median 4"),
        (["bank", "seal"], "bank, seal"),
        ([{"a": 1}, {"a": 2, "b": 3}], "2 tables of a, b"),
        ({"a": 1, "b": 2}, "a 1, b 2"),
        ({name: at for at, name in enumerate("abcdefg")}, "7 numbers from 0 (a) to 6 (g)"),
        ({"a": [1], "b": "x"}, "2 keys: a, b"),
        ({"value": 1, "low": 0, "high": None, "unit": "nats"}, "1 [0, ∞] nats"),
        (
            {"dims": ["layer", "word"], "coords": {}, "data": [[1, 2], [3, 4]]},
            "layer × word: 2 × 2 numbers from 1 to 4,",
        ),
    ],
)
def test_what_a_value_holds(value: Any, told: str) -> None:
    assert summary(value).startswith(told)


@given(JSON)
def test_whatever_json_holds_takes_one_line(value: Any) -> None:
    told = summary(value)
    assert len(told.splitlines()) <= 1
    assert len(told) <= LONGEST


def test_parts_are_told_elsewhere() -> None:
    assert list(summarised({"parts": [1], "n": 3})) == [("n", "3")]
