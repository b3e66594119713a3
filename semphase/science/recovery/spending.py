"""What recovery spends at each budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trial:
    """How many items a task has to set its level and to be judged, and how many tasks are taken of those that fit."""

    calibrate: int = 64
    judge: int = 96
    tasks: int = 4


TRIALS: Mapping[str, Trial] = {
    "quick": Trial(calibrate=16, judge=24, tasks=3),
    "standard": Trial(),
    "full": Trial(calibrate=128, judge=400, tasks=6),
}
"""By the budget's name; others spend as `Trial()` says."""
ROUNDS = 3
SAMPLES = 5
TEMPERATURE = 0.7
TOKENS = 16
"""Tokens of a generated text. All four were fixed before anything was generated."""
