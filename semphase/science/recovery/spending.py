"""What recovery spends at each budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trial:
    """How many items a task has to set its level and to be judged, and how many tasks are taken of those that fit."""

    calibrate: int = 16
    judge: int = 24
    tasks: int = 3


TRIALS: Mapping[str, Trial] = {
    "quick": Trial(),
    "standard": Trial(calibrate=64, judge=96, tasks=4),
    "full": Trial(calibrate=128, judge=400, tasks=6),
}
"""By the budget's name; others spend as `Trial()` says."""
ROUNDS = 3
SAMPLES = 5
TEMPERATURE = 0.7
TOKENS = 16
"""Tokens of a generated text. All four were fixed before anything was generated."""
SETTINGS = ((1, 128), (1, 1024), (16, 128), (16, 1024))
"""Batch, and tokens that a text has in the end, at which speed is taken."""


def name_of(batch: int, context: int) -> str:
    """The name of a setting of speed, as a part of the claim."""
    return f"ratio at batch {batch}, context {context}"
