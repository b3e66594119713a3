"""Drawings of estimates as inline SVG: an interval, the threshold, and which side of it meets the criterion.

Places are in per cent of the width, so that a drawing fits any column and its strokes stay as they are. The numbers stand
beside every drawing, which is therefore hidden from screen readers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from semphase.report import wording
from semphase.report.form import misfits
from semphase.report.scale import Scale, scale_of, thresholds
from semphase.report.schema import Entry, EstimateForm

RADIUS = {"claim": 5, "control": 4, "universe": 3}
"""Of the dot on the value, by what the estimate is of; a control's is hollow."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the comparison: what was estimated, its drawing, and what it came to."""

    kind: str
    name: str
    estimate: str
    verdict: str
    drawing: str


def rows(entry: Entry) -> list[Row]:
    """The estimate, its controls and the other analyses on one scale; none without an estimate."""
    shown = list(_shown(entry))
    scale = scale_of(entry, [estimate for *_, estimate in shown if estimate is not None])
    return [
        Row(
            kind,
            name,
            wording.interval(estimate) if estimate else wording.NOTHING,
            verdict,
            _svg(18, _ground(entry, scale), _interval(estimate, kind, 9, scale)) if scale and estimate else "",
        )
        for kind, name, verdict, estimate in shown
    ]


def axis(entry: Entry) -> str:
    """Round numbers below the rows; empty where nothing is drawn."""
    scale = scale_of(entry, [estimate for *_, estimate in _shown(entry) if estimate is not None])
    if scale is None:
        return ""
    ticks = list(scale.ticks())
    told = (
        f'<text x="{scale.place(tick)}%" y="14" text-anchor="middle">{wording.number(tick + 0.0)}</text>'
        for tick in ticks
    )
    lines = (f'<line x1="{scale.place(tick)}%" x2="{scale.place(tick)}%" y1="0" y2="4"/>' for tick in ticks)
    return _svg(18, *lines, *told, kind="axis")


def spark(entry: Entry) -> str:
    """The estimate and its control in one small drawing; empty without an estimate."""
    control = entry["control"]["estimate"] if entry["control"] else None
    scale = scale_of(entry, [control] if control else [])
    if scale is None or entry["estimate"] is None:
        return ""
    own = _interval(entry["estimate"], "claim", 9, scale)
    return _svg(
        26, _ground(entry, scale), own, _interval(control, "control", 20, scale) if control else "", kind="spark"
    )


def _shown(entry: Entry) -> Iterator[tuple[str, str, str, EstimateForm | None]]:
    """Kind, name, verdict and estimate of each row."""
    estimate = entry["estimate"]
    if estimate is None:
        return
    yield "claim", entry["model"] or "this claim", entry["verdict"] or "", estimate
    for name, own in _controls(entry).items():
        yield "control", name, wording.met(own.get("relation", "")), own["estimate"]
    for other in entry["universes"]["list"] if "universes" in entry else ():
        told = f"{other['verdict']}: {other['reason']}" if other["reason"] else other["verdict"]
        yield "universe", other["name"], told, other["estimate"]


def _controls(entry: Entry) -> dict[str, dict[str, Any]]:
    """Every control by its name, where there are several; else the one."""
    several = entry["detail"].get("controls")
    if several and not any(any(misfits(own.get("estimate"), EstimateForm, "")) for own in several.values()):
        return several
    control = entry["control"]
    return {control["name"]: dict(control)} if control else {}


def _ground(entry: Entry, scale: Scale) -> str:
    """The threshold's lines over the side that meets the criterion."""
    places = [scale.place(end) for end in thresholds(entry)]
    lines = "".join(f'<line class="threshold" x1="{x}%" x2="{x}%" y1="0" y2="100%"/>' for x in places)
    left, right = _side(entry)
    if left == right:
        return lines
    start, end = (0.0 if left is None else scale.place(left)), (100.0 if right is None else scale.place(right))
    return f'<rect class="meets" x="{start}%" width="{round(end - start, 2)}%" height="100%"/>{lines}'


def _side(entry: Entry) -> tuple[float | None, float | None]:
    """The ends of what meets the criterion, None for no end; two equal ones where the entry does not tell."""
    ends, estimate = thresholds(entry), entry["estimate"]
    if len(ends) == 2:
        return ends[0], ends[1]
    if not ends or estimate is None or estimate["value"] in (None, ends[0]) or entry["point"] is None:
        return 0.0, 0.0
    if "not rejected" in wording.rule(entry):
        return 0.0, 0.0
    above = (estimate["value"] > ends[0]) == entry["point"]
    return (ends[0], None) if above else (None, ends[0])


def _interval(estimate: EstimateForm, kind: str, y: int, scale: Scale) -> str:
    """A bar from end to end with a dot at the value; an arrow where it runs off the scale."""
    low, high = estimate["low"], estimate["high"]
    cut_low, cut_high = low is None or low < scale.low, high is None or high > scale.high
    left = 1.0 if low is None or cut_low else scale.place(low)
    right = 99.0 if high is None or cut_high else scale.place(high)
    value = estimate["value"]
    drawn = f'<line class="{kind}" x1="{left}%" x2="{right}%" y1="{y}" y2="{y}"/>'
    drawn += _arrow(1, y, kind, "M0 0l6 -4v8z") if cut_low else ""
    drawn += _arrow(99, y, kind, "M0 0l-6 -4v8z") if cut_high else ""
    if value is not None and scale.holds(value):
        drawn += f'<circle class="{kind}" cx="{scale.place(value)}%" cy="{y}" r="{RADIUS[kind]}"/>'
    return drawn


def _arrow(x: int, y: int, kind: str, path: str) -> str:
    return f'<svg x="{x}%" y="{y}" overflow="visible"><path class="{kind}" d="{path}"/></svg>'


def _svg(height: int, *drawn: str, kind: str = "bar") -> str:
    return f'<svg class="{kind}" width="100%" height="{height}" aria-hidden="true" focusable="false">{"".join(drawn)}</svg>'
