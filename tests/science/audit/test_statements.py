"""Sentences about tables: contradicted for sure, perhaps, or not."""

from __future__ import annotations

import numpy as np
import pytest

from semphase.science.audit.rounding import around
from semphase.science.audit.statements import Statements, highest, less, lowest

NAMES = ("a", "b", "c")
VALUES = around(np.array([3.0, 1.0, 2.0]), 0.05)


def counted(*statements):
    made = Statements(tuple(statements)).estimate()
    return made.low, made.value, made.high


@pytest.mark.parametrize(("chosen", "wrong"), [("a", 1), ("b", 0), ("c", 1)])
def test_the_lowest_row_is_found(chosen, wrong):
    assert counted(lowest("lowest", NAMES, VALUES, chosen, "s")) == (wrong, wrong, wrong)


@pytest.mark.parametrize(("chosen", "wrong"), [("a", 0), ("b", 1), ("c", 1)])
def test_the_highest_row_is_found(chosen, wrong):
    assert counted(highest("highest", NAMES, VALUES, chosen, "s")) == (wrong, wrong, wrong)


def test_what_rounding_could_change_is_counted_apart():
    near = around(np.array([1.02, 1.0]), 0.05)
    assert counted(lowest("lowest", ("a", "b"), near, "a", "s")) == (0, 1, 1)
    assert counted(lowest("lowest", ("a", "b"), near, "b", "s")) == (0, 0, 1)


def test_a_tie_of_counts_contradicts_nothing():
    counts = around(np.array([7.0, 7.0]), 0.0)
    assert counted(lowest("fastest", ("a", "b"), counts, "b", "s"), less("a <= b", counts[0], counts[1], "s")) == (
        0,
        0,
        0,
    )


def test_both_sides_are_told():
    statements = Statements((less("one is not above two", around(5.0, 0.5), around(2.0, 0.5), "004, 1"),))
    assert statements.detail() == {
        "sentences checked": 1,
        "disagreements": [{"section": "004, 1", "said": "one is not above two", "found": "5 against 2"}],
    }
