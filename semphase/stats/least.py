"""From how many units on an interval keeps its promise, kind by kind; docs/calibration.md holds the measurements."""

from __future__ import annotations

from typing import Literal

Kind = Literal[
    "mean", "ratio of perplexities", "correlation", "any smooth statistic", "worst of many", "share", "median", "ε²",
    "seeds of trainings",
]  # fmt: skip

LEAST: dict[Kind, int] = {
    "mean": 4,
    "ratio of perplexities": 4,
    "correlation": 4,
    "any smooth statistic": 4,
    "worst of many": 6,
    "share": 4,
    "median": 6,
    "ε²": 6,
    "seeds of trainings": 4,
}
"""The smallest number of units at which normal, log-normal and t₃ worlds are covered in at least 93 % of cases."""


_SLACK = 0.5
"""What units of unlike weight may fall short of the least number."""


def lacking(kind: Kind, units: int, effective: float, over: str) -> str:
    """What an estimate of this kind lacks; empty where it has enough.

    `effective` is how many units of one weight would weigh as evenly.
    """
    least, things = LEAST[kind], {"text": "blocks of text"}.get(over, over)
    if units < least:
        return f"{least} {things} at least"
    return "" if effective >= least - _SLACK else f"{things} that weigh more evenly: these count like {effective:.1f}"
