"""From how many units on an interval keeps its promise, kind by kind; docs/calibration.md holds the measurements."""

from __future__ import annotations

from typing import Literal

Kind = Literal["mean", "ratio of perplexities", "correlation", "any smooth statistic", "worst of many", "share"]

LEAST: dict[Kind, int] = {
    "mean": 4,
    "ratio of perplexities": 4,
    "correlation": 4,
    "any smooth statistic": 4,
    "worst of many": 4,
    "share": 4,
}
"""The smallest number of units at which normal, log-normal and t₃ worlds are covered in at least 93 % of cases."""


def lacking(kind: Kind, units: int, over: str) -> str:
    """What an estimate of this kind lacks; empty where it has enough."""
    return "" if units >= LEAST[kind] else f"{LEAST[kind]} {over} at least"
