"""The terminal's drawing of an estimate."""

from __future__ import annotations

from typing import Any

import pytest

from semphase.report.line import WIDTH, line
from semphase.report.schema import Entry


def entry(value: float | None, low: float | None, high: float | None, threshold: Any, control: Any = None) -> Entry:
    told: Any = {"estimate": {"value": value, "low": low, "high": high}, "threshold": threshold, "control": control}
    return told


def test_places_are_to_scale() -> None:
    control = {"estimate": {"value": 0.0, "low": -10.0, "high": 10.0}}
    claim, other = line(entry(60, 50, 90, 20.0, control)).plain.splitlines()
    scale = (WIDTH - 1) / 100
    assert [claim.index(mark) for mark in "│●"] == [round((at + 10) * scale) for at in (20, 60)]
    assert [claim.index("┼"), claim.rindex("┼")] == [round((at + 10) * scale) for at in (50, 90)]
    assert [other.index("┼"), other.index("●"), other.index("│")] == [0, round(10 * scale), round(30 * scale)]


@pytest.mark.parametrize(
    ("told", "marks"),
    [
        (entry(1, None, 2, 1.5), {"┼": 1, "●": 1, "│": 1}),
        (entry(1, 1, 1, None), {"┼": 0, "●": 1, "│": 0}),
        (entry(1, 0, 3, [0.5, 2.5]), {"┼": 2, "●": 1, "│": 2}),
        (entry(None, None, None, 1.0), {"┼": 0, "●": 0, "│": 0}),
    ],
)
def test_unbounded_and_missing_ends(told: Entry, marks: dict[str, int]) -> None:
    drawn = line(told).plain
    assert {mark: drawn.count(mark) for mark in marks} == marks
    assert len(drawn) in (0, WIDTH)
