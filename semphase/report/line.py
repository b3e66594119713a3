"""A drawing of an estimate for the terminal: its interval, the threshold, and the control's estimate below."""

from __future__ import annotations

from rich.text import Text

from semphase.report.scale import numbers, thresholds
from semphase.report.schema import Entry, EstimateForm

WIDTH = 44
BAR, END, DOT, MARK = "─", "┼", "●", "│"


def line(entry: Entry) -> Text:
    """One row for the claim and one for its control, on one scale; empty without an estimate.

    An unbounded end runs to the edge, without a mark.
    """
    estimate, control = entry["estimate"], entry["control"]
    if estimate is None or estimate["value"] is None:
        return Text()
    shown = [(estimate, "blue")] + ([(control["estimate"], "dim")] if control else [])
    seen = [*thresholds(entry), *(value for one, _ in shown for value in numbers(one))]
    low, high = min(seen), max(seen)
    return Text("\n").join(_row(one, style, thresholds(entry), low, (high - low) or 1.0) for one, style in shown)


def _row(estimate: EstimateForm, style: str, marks: list[float], low: float, span: float) -> Text:
    def place(value: float) -> int:
        return round((WIDTH - 1) * (value - low) / span)

    left = 0 if estimate["low"] is None else place(estimate["low"])
    right = WIDTH - 1 if estimate["high"] is None else place(estimate["high"])
    cells = [(BAR, style) if left <= at <= right else (" ", "") for at in range(WIDTH)]
    for at, end in ((left, estimate["low"]), (right, estimate["high"])):
        if end is not None:
            cells[at] = (END, style)
    for mark in marks:
        cells[place(mark)] = (MARK, "red")
    if estimate["value"] is not None:
        cells[place(estimate["value"])] = (DOT, style)
    return Text.assemble(*cells)
