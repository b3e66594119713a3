"""The specification curve of a claim: what it came to in every universe, beside the registered analysis (Simonsohn 2020)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from semphase.verdict.plain import plain
from semphase.verdict.verdict import Verdict

REGISTERED = "as registered"
COLOURS = {"supported": "tab:green", "refuted": "tab:red", "inconclusive": "tab:orange"}


def specification(verdict: Verdict) -> dict[str, Any]:
    """What the figure draws: estimates of the registered analysis and of the universes that apply, and the threshold."""
    own = {"name": REGISTERED, "verdict": verdict.verdict, "estimate": plain(verdict.estimate)}
    others = [plain(found) for found in verdict.universes if found.estimate is not None and found.counts]
    return {"specifications": [own, *others], "threshold": plain(verdict.threshold)}


def specification_curve(detail: Mapping[str, Any]) -> Any:
    """Estimates with their intervals, from the smallest to the largest; the colour is the verdict's."""
    rows = sorted(detail["specifications"], key=lambda row: row["estimate"]["value"])
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 1.4 + 0.28 * len(rows)), layout="constrained")
    axes = figure.subplots()
    for place, row in enumerate(rows):
        own, colour = row["estimate"], COLOURS[row["verdict"]]
        ends = [own["value"] if own[end] is None else own[end] for end in ("low", "high")]
        axes.plot(ends, [place, place], color=colour, lw=3 if row["name"] == REGISTERED else 1.5)
        axes.plot(own["value"], place, "D" if row["name"] == REGISTERED else "o", color=colour)
    for threshold in _thresholds(detail["threshold"]):
        axes.axvline(threshold, color="0.4", ls="--", lw=1)
    axes.set_yticks(range(len(rows)), [row["name"] for row in rows])
    axes.set_xlabel(f"estimate{_unit(rows)}, 95 % interval; dashed: the threshold")
    axes.set_title("green supported, red refuted, orange undecided", fontsize=8)
    return figure


def _thresholds(given: Any) -> list[float]:
    if given is None:
        return []
    return list(given) if isinstance(given, list | tuple) else [given]


def _unit(rows: list[Mapping[str, Any]]) -> str:
    unit = rows[0]["estimate"]["unit"]
    return f", {unit}" if unit else ""
