"""The drawing in a row of the HTML table."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from hypothesis import assume, given
from hypothesis import strategies as st
from semphase.report.spark import MARGIN, WIDTH, spark

from semphase.report.schema import Entry

NUMBERS = st.floats(-1e6, 1e6)


def places(svg: str) -> list[float]:
    return [float(x) for x in re.findall(r'(?:x1|x2|cx)="([-\d.]+)"', svg)]


def test_entries_without_an_estimate_have_no_drawing(entries: list[Entry]) -> None:
    assert spark(entries[5]) == ""


def test_the_threshold_lies_left_of_an_interval_that_exceeds_it(entries: list[Entry]) -> None:
    svg = spark(entries[0])
    threshold = float(re.findall(r'class="threshold" x1="([\d.]+)"', svg)[0])
    low, high = re.findall(r'class="claim" x1="([\d.]+)" x2="([\d.]+)"', svg)[0]
    assert threshold < float(low) < float(high)


def test_an_unbounded_interval_reaches_the_edge(entries: list[Entry]) -> None:
    assert f'x2="{float(WIDTH - MARGIN)}"' in spark(entries[2])


@given(ends=st.tuples(NUMBERS, NUMBERS, NUMBERS).map(sorted), threshold=NUMBERS)
def test_everything_drawn_lies_inside(entries: list[Entry], ends: list[float], threshold: float) -> None:
    assume(abs(ends[0] - ends[2]) == 0 or abs(ends[2] - ends[0]) > 1e-9)
    entry: Entry = {**entries[0], "threshold": threshold, "control": None}
    assert entry["estimate"] is not None
    entry["estimate"] = {**entry["estimate"], "low": ends[0], "value": ends[1], "high": ends[2]}
    svg = spark(entry)
    ET.fromstring(svg)
    assert all(MARGIN <= place <= WIDTH - MARGIN for place in places(svg))
