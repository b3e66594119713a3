"""Conversion to JSON's types."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from semphase.errors import SemphaseError
from semphase.stats.estimate import Estimate
from semphase.verdict.plain import plain

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates()
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.frozensets(LEAVES)
    ),
    max_leaves=12,
)


@given(VALUES)
def test_everything_becomes_strict_json(value: Any) -> None:
    converted = plain(value)
    assert json.loads(json.dumps(converted, allow_nan=False)) == converted


@given(VALUES)
def test_conversion_is_done_once(value: Any) -> None:
    assert plain(plain(value)) == plain(value)


@given(arrays.arrays(st.sampled_from([np.float64, np.float32, np.int32, np.bool_]), arrays.array_shapes()))
def test_arrays_keep_shape_and_finite_values(array: np.ndarray) -> None:
    nested = np.array(plain(array), dtype=object)
    assert nested.shape == array.shape
    for told, value in zip(nested.ravel(), array.ravel(), strict=True):
        assert told is None if not np.isfinite(value) else told == value


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), np.float32("nan")])
def test_what_is_no_number_becomes_null(value: float) -> None:
    assert plain(value) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        ("half \ud83d pair", "half ? pair"),
        (np.array(2.0), 2.0),
        ({1: {"b", "a"}}, {"1": ["a", "b"]}),
        (date(2026, 1, 31), "2026-01-31"),
        (True, True),
    ],
)
def test_known_values(value: Any, expected: Any) -> None:
    converted = plain(value)
    assert converted == expected
    assert type(converted) is type(expected)


def test_estimates_are_told_in_the_reports_form() -> None:
    estimate = Estimate(1.0, 0.5, float("inf"), "t", 3, "nats")
    assert plain({"fit": [estimate]}) == {
        "fit": [
            {
                "value": 1.0,
                "low": 0.5,
                "high": None,
                "method": "t",
                "n": 3,
                "unit": "nats",
                "level": 0.95,
                "population": [],
                "units": [],
            }
        ]
    }


def test_labelled_arrays_keep_their_coordinates() -> None:
    labelled = xr.DataArray([1.0, np.nan], dims="layer", coords={"layer": [0, 1]}, attrs={"path": "/home"})
    told = plain(labelled)
    assert told["data"] == [1.0, None]
    assert told["coords"]["layer"]["data"] == [0, 1]
    assert "/home" not in json.dumps(told)
    assert plain(xr.Dataset({"x": labelled}))["x"] == told


@pytest.mark.parametrize("value", [object(), Path("/home"), 1j, len, Estimate])
def test_anything_else_is_refused_by_name(value: object) -> None:
    with pytest.raises(SemphaseError, match=f"a report cannot hold a {type(value).__name__}"):
        plain({"x": [value]})
