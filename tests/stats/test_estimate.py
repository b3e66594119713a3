"""What an estimate takes: numbers, a level, a unit in one line, populations and counts that fit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from semphase.errors import SemphaseError
from semphase.stats.estimate import Estimate
from semphase.stats.estimates import best_of, difference, mean

USUAL = Estimate(1.0, 0.5, 1.5, "a test", 20, "nats", population=("words",), units=(20,))


@pytest.mark.parametrize(
    "fields",
    [
        {"value": float("nan")}, {"value": float("inf"), "high": float("inf")}, {"low": None}, {"value": "1"},
        {"value": True}, {"low": 1.2}, {"level": 0}, {"level": 5}, {"unit": 5}, {"unit": "a\nb"}, {"n": 0},
        {"population": "words"}, {"population": ("people",)}, {"units": (20, 3)}, {"units": (-20,)}, {"units": [20]},
    ],
)  # fmt: skip
def test_fields_of_another_kind_are_told_in_a_sentence(fields: dict[str, Any]) -> None:
    with pytest.raises(SemphaseError, match=r"^(an estimate|the interval) [^\n]*$"):
        replace(USUAL, **fields)


def test_ends_may_be_unbounded_and_numbers_be_numpys() -> None:
    assert replace(USUAL, low=-np.inf, high=np.float32(2)).value == 1.0
    assert replace(USUAL, n=np.int64(3), units=(np.int64(3),)).n == 3


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (np.array([1 + 2j, 2, 3]), "takes numbers and got values of the type complex128"),
        (np.array(["2020-01-01", "2020-01-02"], dtype="datetime64"), "of the type datetime64"),
        (["1", "2", "3"], "of the type <U1"),
        ([1e300, 2e300, 3e300], "whose square is no number"),
    ],
)
def test_values_that_are_no_real_numbers_are_refused(values: Any, sentence: str) -> None:
    with pytest.raises(SemphaseError, match=sentence):
        mean(values)
    with pytest.raises(SemphaseError, match=sentence):
        difference(values, values)


def test_a_candidate_may_be_a_number_of_numpys() -> None:
    rows = np.array([[1.0, 2.0, 3.0, 4.0, 6.0], [0.0, 1.0, 3.0, 2.0, 4.0]])
    assert best_of(rows, candidate=np.int64(0)) == best_of(rows)
