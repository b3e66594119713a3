"""A small model that answers several times for the operations that a larger one needs for one answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from semphase.errors import NotApplicable
from semphase.science.recovery.answering import Answered, Choice, Task
from semphase.science.recovery.calibration import fitted
from semphase.science.recovery.facet import Recovery
from semphase.science.recovery.spending import ROUNDS

MOST = 32
"""Samples at most."""
Way = Literal["rounds", "samples"]


@dataclass(eq=False)
class EqualFlops:
    """The tasks of the large model, answered by both; the calibrating items settle what the small one does N times."""

    small: Recovery
    large: Recovery

    @cached_property
    def _both(self) -> list[tuple[Task, Task]]:
        """The large model's tasks that the small one can read, to judge and to calibrate, with room for either's tokens."""
        found = self.large.calibrated
        pairs = [
            (fitted(self.small.study, judged), fitted(self.small.study, first))
            for judged, first in zip(found.tasks, found.calibrating, strict=True)
        ]
        kept = [(judged, first) for judged, first in pairs if isinstance(judged, Task) and isinstance(first, Task)]
        if not kept:
            raise NotApplicable(f"{self.small.study.label} reads none of the tasks that suit {self.large.study.label}")
        return kept

    @property
    def tasks(self) -> list[Task]:
        """The tasks that are judged."""
        return [judged for judged, _ in self._both]

    @property
    def _calibrating(self) -> list[Task]:
        return [first for _, first in self._both]

    @cached_property
    def once(self) -> list[Answered]:
        """The large model's answers."""
        return self.large.rounds(tasks=self.tasks, rounds=1)[0]

    @cached_property
    def counts(self) -> dict[Way, list[int]]:
        """How often the small model may answer each task, by ways that fit at least twice.

        NotApplicable where the operations of one of the models are not counted.
        """
        paid = [own.flops.mean() for own in self.large.rounds(tasks=self._calibrating, rounds=1)[0]]
        _require_counted(self.large, paid)
        rounds = self.small.rounds(tasks=self._calibrating)
        fitting = [
            sum(bool(after[task].flops.mean() <= budget) for after in rounds) for task, budget in enumerate(paid)
        ]
        samples = [self._samples(task, budget) for task, budget in zip(self._calibrating, paid, strict=True)]
        found: dict[Way, list[int]] = {"rounds": fitting, "samples": samples}
        return {way: counts for way, counts in found.items() if min(counts) >= 2}

    def _samples(self, task: Task, budget: float) -> int:
        """The most samples within the budget: as many as the first four let expect, and fewer where they took more."""
        two, four = (self._paid(task, count) for count in (2, 4))
        _require_counted(self.small, [two, four])
        each = (four - two) / 2
        fitting = float(np.floor((budget - (two - 2 * each)) / each)) if each > 0 else float(MOST)
        count = int(min(MOST, fitting))
        while count >= 2 and self._paid(task, count) > budget:
            count -= 1
        return count

    def _paid(self, task: Task, samples: int) -> float:
        return float(self.small.chosen(choice="random", tasks=[task], samples=samples)[0].flops.mean())

    @cached_property
    def judged_counts(self) -> list[int]:
        """How often it answers each judged task: fewer times where those items' operations pay for fewer."""
        return [
            next((n for n in range(count, 1, -1) if self._judged_paid(task, n) <= own.flops.mean()), 1)
            for task, count, own in zip(self.tasks, self.counts[self.way], self.once, strict=True)
        ]

    def _judged_paid(self, task: Task, count: int) -> float:
        if self.way == "samples":
            return self._paid(task, count)
        return float(self.small.rounds(tasks=[task], rounds=count)[-1][0].flops.mean())

    @cached_property
    def way(self) -> Way:
        """Rounds or samples, whichever has the higher mean accuracy on the calibrating items.

        NotApplicable where the large model's operations do not suffice for two answers of the small one.
        """
        if not self.counts:
            raise NotApplicable(
                f"{self.large.study.label} takes too few operations more than {self.small.study.label} for the latter to"
                " answer twice"
            )
        accuracy = {
            way: np.mean([own.accuracy for own in self._answers(way, self._calibrating, self.counts[way], "likeliest")])
            for way in self.counts
        }
        return max(accuracy, key=lambda way: float(accuracy[way]))

    def repeated(self, choice: Choice = "likeliest") -> list[Answered]:
        """The small model's answers to the judged items; `choice` is that among samples."""
        return self._answers(self.way, self.tasks, self.judged_counts, choice)

    def at_random(self) -> list[Answered]:
        """The same with one of as many samples, or of as many rounds, taken at random."""
        if self.way == "samples":
            return self.repeated("random")
        every = self.small.rounds(tasks=self.tasks)
        return [
            _mixed([every[n][task] for n in range(count)], self.small.study.seed)
            for task, count in enumerate(self.judged_counts)
        ]

    def _answers(self, way: Way, tasks: Sequence[Task], counts: Sequence[int], choice: Choice) -> list[Answered]:
        if way == "rounds":
            every = self.small.rounds(tasks=tasks, rounds=min(ROUNDS, max(counts)))
            return [every[count - 1][task] for task, count in enumerate(counts)]
        return [
            self.small.chosen(choice=choice, tasks=[task], samples=count)[0]
            for task, count in zip(tasks, counts, strict=True)
        ]


def _require_counted(recovery: Recovery, flops: Sequence[float]) -> None:
    if not np.isfinite(flops).all():
        raise NotApplicable(f"the operations of {recovery.study.label} are not counted")


def _mixed(rounds: Sequence[Answered], seed: int) -> Answered:
    """One of several rounds for each item, at random, at the price of all."""
    items = len(rounds[0].right)
    chosen = np.random.default_rng([seed, len(rounds)]).integers(0, len(rounds), size=items)

    def picked(name: str) -> np.ndarray:
        return np.array([getattr(rounds[n], name)[item] for item, n in enumerate(chosen)])

    return Answered(picked("right"), picked("log_probability"), rounds[-1].flops, picked("repeated"))
