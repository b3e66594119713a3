"""Deviations in rounding allowances: at most 1 exactly where one number can stand behind both figures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semphase.science.audit.agreement import compare, joined, one
from semphase.science.audit.rounding import around

thousandths = st.integers(-3000, 3000)


@given(st.integers(-3000, 3000), st.integers(1, 500), st.integers(-3000, 3000), st.integers(0, 500))
def test_a_deviation_of_one_is_where_the_ranges_touch(printed, half, found, other):
    compared = one("x", around(printed / 1000, half / 1000), around(found / 1000, other / 1000), "s")
    touching = max(printed - half, found - other) <= min(printed + half, found + other)
    assert (compared.deviations[0] <= 1) == touching


def test_the_wrong_figure_is_told_with_both_numbers_and_its_section():
    printed = around(np.array([0.5, 0.7, 0.25]), np.array([0.05, 0.05, 0.005]))
    compared = compare(["a", "b", "c"], printed, np.array([0.54, 0.9, 0.255]), "003, table")
    assert compared.deviations == pytest.approx([0.8, 4.0, 1.0])
    (wrong,) = compared.detail()["disagreements"]
    assert (wrong["figure"], wrong["section"]) == ("b", "003, table")
    assert (wrong["printed"], wrong["found"], wrong["deviation"]) == pytest.approx((0.7, 0.9, 4.0))
    made = compared.estimate()
    assert (made.value, made.low, made.high, made.n) == (4.0, 4.0, 4.0, 3)


@pytest.mark.parametrize(("found", "deviation"), [(41.0, 0.0), (42.0, 2.0), (40.0, 2.0)])
def test_counts_are_equal_or_they_disagree(found, deviation):
    assert one("count", around(41.0, 0.0), found, "s").deviations[0] == deviation


def test_joining_keeps_each_section():
    both = joined(one("a", around(1.0, 0.5), 1.0, "first"), one("b", around(2.0, 0.5), 9.0, "second"))
    assert both.names == ("a", "b")
    assert [wrong["section"] for wrong in both.detail()["disagreements"]] == ["second"]
