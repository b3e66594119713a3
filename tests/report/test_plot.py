"""The drawings of an estimate on the page, and the scale that they share."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semphase.report.html.plot import axis, rows, spark
from semphase.report.scale import Scale, scale_of, standing
from semphase.report.schema import Entry

NUMBERS = st.floats(-1e6, 1e6)
ENDS = st.none() | NUMBERS


def places(svg: str) -> list[float]:
    """All places along the width, in per cent."""
    return [float(x) for x in re.findall(r'(?:\bx1|\bx2|\bcx|\bx)="([-\d.]+)%"', svg)]


def with_estimate(entry: Entry, **rest: Any) -> Entry:
    assert entry["estimate"] is not None
    return {**entry, "estimate": {**entry["estimate"], **rest}}  # type: ignore[typeddict-item]


def test_entries_without_an_estimate_have_no_drawing(entries: list[Entry]) -> None:
    assert (spark(entries[5]), axis(entries[5]), rows(entries[5])) == ("", "", [])


def test_nothing_is_drawn_of_what_is_no_number(entries: list[Entry]) -> None:
    nowhere = with_estimate(entries[0], value=None, low=None, high=None)
    assert (spark(nowhere), axis(nowhere)) == ("", "")
    assert [row.estimate for row in rows(nowhere) if not row.drawing] == ["no number [−∞, ∞] r", "0.2 [0.1, 0.3]"]


def test_the_threshold_lies_left_of_an_interval_that_exceeds_it(entries: list[Entry]) -> None:
    svg = spark(entries[0])
    threshold = float(re.findall(r'class="threshold" x1="([\d.]+)%"', svg)[0])
    low, high = re.findall(r'class="claim" x1="([\d.]+)%" x2="([\d.]+)%"', svg)[0]
    assert threshold < float(low) < float(high)


@pytest.mark.parametrize(
    ("value", "point", "threshold", "start", "end"),
    [(0.9712, True, 0.96, "threshold", 100.0), (0.9712, False, 0.96, 0.0, "threshold"),
     (0.95, True, 0.96, 0.0, "threshold"), (0.95, False, 0.96, "threshold", 100.0)],
)  # fmt: skip
def test_the_side_that_meets_the_criterion_is_shaded(
    entries: list[Entry], value: float, point: bool, threshold: float, start: Any, end: Any
) -> None:
    svg = spark({**with_estimate(entries[0], value=value), "point": point, "threshold": threshold})
    at = float(re.findall(r'class="threshold" x1="([\d.]+)%"', svg)[0])
    left, width = map(float, re.findall(r'class="meets" x="([\d.]+)%" width="([\d.]+)%"', svg)[0])
    assert left == (at if start == "threshold" else start)
    assert left + width == pytest.approx(at if end == "threshold" else end, abs=0.02)


def test_ends_that_run_off_the_scale_have_arrows(entries: list[Entry]) -> None:
    assert spark(entries[0]).count("<path") == 1  # its control lies far below
    assert spark(entries[2]).count("<path") == 1
    assert spark({**with_estimate(entries[0], low=None, high=None), "control": None}).count("<path") == 2


def test_all_rows_share_a_scale(entries: list[Entry]) -> None:
    own = entries[0]["estimate"]
    universe = {"name": "other <half>", "verdict": "refuted", "point": False, "estimate": own, "reason": "why"}
    lacking = universe | {"name": "lacking", "verdict": "not-applicable", "estimate": None}
    entry: Any = {**entries[0], "universes": {"list": [universe, lacking], "n": 2, "agree": 0, "fragile": True,
                                              "undecided": 0, "share": 0.0}}  # fmt: skip
    found = rows(entry)
    assert [row.kind for row in found] == ["claim", "control", "universe", "universe"]
    assert [row.verdict for row in found] == ["supported", "misses it", "refuted: why", "not-applicable: why"]
    assert found[3].drawing == ""
    ends = [re.findall(r'x1="([\d.]+)%" x2="([\d.]+)%" y1="9"', row.drawing) for row in (found[0], found[2])]
    assert ends[0] == ends[1]


def test_several_controls_have_a_row_each(entries: list[Entry]) -> None:
    control: Any = entries[0]["control"]
    both = {name: {**control, "name": name} for name in ("untrained", "shuffled")}
    entry: Any = {**entries[0], "detail": {**entries[0]["detail"], "controls": both}}
    assert [row.name for row in rows(entry)] == ["gpt2", "untrained", "shuffled"]
    harmed: Any = {**entry, "detail": {"controls": {"untrained": {"estimate": {"value": "high"}}}}}
    assert [row.name for row in rows(harmed)] == ["gpt2", "re-initialised weights"]


@given(low=ENDS, value=NUMBERS, high=ENDS, threshold=NUMBERS | st.tuples(NUMBERS, NUMBERS).map(sorted))
def test_everything_drawn_lies_inside(
    entries: list[Entry], low: float | None, value: float, high: float | None, threshold: Any
) -> None:
    entry: Entry = {**with_estimate(entries[0], low=low, value=value, high=high), "threshold": threshold}
    for svg in (spark(entry), axis(entry), *(row.drawing for row in rows(entry))):
        ET.fromstring(svg)
        assert all(0 <= place <= 100 for place in places(svg))


@given(low=NUMBERS, value=NUMBERS, high=NUMBERS, threshold=NUMBERS)
def test_a_scale_holds_the_estimate_and_the_threshold(
    entries: list[Entry], low: float, value: float, high: float, threshold: float
) -> None:
    entry: Entry = {**with_estimate(entries[0], low=low, value=value, high=high), "threshold": threshold}
    scale = scale_of(entry)
    assert scale is not None
    assert scale.low < scale.high
    assert all(map(scale.holds, (low, value, high, threshold)))


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_are_few_and_round(low: float, width: float) -> None:
    ticks = list(Scale(low, low + width).ticks())
    assert len(ticks) <= 6
    assert all(low - 1e-9 * abs(low) <= tick <= (low + width) * (1 + 1e-9) + 1e-9 * abs(low) for tick in ticks)


@pytest.mark.parametrize(
    ("rest", "told"),
    [
        ({"value": 1.0, "low": 0.9, "high": 1.1}, 0.4), ({"value": 0.9, "low": 0.8, "high": 1.0}, -0.6),
        ({"value": 0.96, "low": 0.9, "high": 1.0}, 0.0), ({"value": 1.0, "low": None, "high": 1.1}, 0.0),
        ({"value": 1.0, "low": 1.0, "high": 1.0}, math.inf), ({"value": 0.0, "low": 0.0, "high": 0.0}, -math.inf),
        ({"value": None, "low": None, "high": None}, None),
    ],
)  # fmt: skip
def test_the_standing_is_in_half_widths(entries: list[Entry], rest: dict[str, Any], told: float | None) -> None:
    value = rest["value"]
    entry: Entry = {**with_estimate(entries[0], **rest), "point": value is not None and value >= 0.96}
    found = standing(entry)
    assert found == told if told is None else found == pytest.approx(told)
    assert standing({**entry, "threshold": None}) is None
