"""A one-line drawing of an estimate: its interval, the threshold, and the control's estimate."""

from __future__ import annotations

from collections.abc import Callable

from semphase.report.schema import Entry, EstimateForm

WIDTH, HEIGHT, MARGIN = 160, 22, 8


def spark(entry: Entry) -> str:
    """Inline SVG for an entry; empty without an estimate. Each row has its own scale."""
    estimate = entry["estimate"]
    if estimate is None or estimate["value"] is None:
        return ""
    marks = thresholds(entry)
    control = entry["control"]["estimate"] if entry["control"] else None
    seen = [*marks, *numbers(estimate), *(numbers(control) if control else [])]
    low, high = min(seen), max(seen)
    span = (high - low) or 1.0

    def place(value: float) -> float:
        return round(MARGIN + (WIDTH - 2 * MARGIN) * (value - low) / span, 1)

    drawn = [_threshold(place(value)) for value in marks]
    drawn += [_interval(estimate, "claim", 9, low, high, place)]
    drawn += [_interval(control, "control", 16, low, high, place)] if control else []
    return (
        f'<svg class="spark" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img"'
        f' aria-label="interval against threshold">{"".join(drawn)}</svg>'
    )


def thresholds(entry: Entry) -> list[float]:
    """The value or the two ends that the estimate is compared with; none where nothing was."""
    threshold = entry["threshold"]
    if threshold is None:
        return []
    return list(threshold) if isinstance(threshold, list) else [threshold]


def numbers(estimate: EstimateForm) -> list[float]:
    """The value and the bounded ends of its interval."""
    ends = (estimate["value"], estimate["low"], estimate["high"])
    return [end for end in ends if end is not None]


def _threshold(x: float) -> str:
    return f'<line class="threshold" x1="{x}" x2="{x}" y1="1" y2="{HEIGHT - 1}"/>'


def _interval(
    estimate: EstimateForm, kind: str, y: int, low: float, high: float, place: Callable[[float], float]
) -> str:
    """A bar from end to end with a dot at the value; an unbounded end reaches the edge."""
    left = place(low if estimate["low"] is None else estimate["low"])
    right = place(high if estimate["high"] is None else estimate["high"])
    dot = (
        "" if estimate["value"] is None else f'<circle class="{kind}" cx="{place(estimate["value"])}" cy="{y}" r="3"/>'
    )
    return f'<line class="{kind}" x1="{left}" x2="{right}" y1="{y}" y2="{y}"/>{dot}'
