"""Tasks that suit a study's model, and its answers to them under edits, in rounds or chosen from several.

A universe judges the registered tasks, whatever it counts as right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from semphase.errors import NotApplicable
from semphase.measure.edit_base import Edit
from semphase.science.recovery.answering import Answered, Choice, Feedback, Task, best_of, in_rounds
from semphase.science.recovery.calibration import Calibrated, calibrated
from semphase.science.recovery.spending import ROUNDS, SAMPLES, TRIALS, Trial
from semphase.science.recovery.tasks import Sources
from semphase.study.joint import JointStudy
from semphase.study.study import Study

ByTask = list[Answered]
"""One for each task."""


@dataclass(eq=False)
class Recovery:
    """What a model answers; everything generated is kept in the study's store."""

    study: Study

    @property
    def trial(self) -> Trial:
        """How many items and tasks."""
        return TRIALS.get(self.study.budget.name, Trial())

    @cached_property
    def calibrated(self) -> Calibrated:
        """Tasks at levels where the unmodified model has neither none nor all of the items right."""
        study, base = self.study, self.study.base
        if base is not None and (study.lexicon, study.corpus, study.seed) == (base.lexicon, base.corpus, base.seed):
            found = base.facet(Recovery).calibrated
        else:
            found = calibrated(study, Sources(study.lexicon, study.corpus.text, study.seed), self.trial)
        return without_the_hardest(found) if study.choice("tasks") == "without the hardest" else found

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks that are judged."""
        return self.calibrated.tasks

    def rounds(
        self,
        edits: Sequence[Edit] = (),
        feedback: Feedback = "own",
        tasks: Sequence[Task] | None = None,
        rounds: int | None = None,
    ) -> list[ByTask]:
        """The answers after each round, three by default, task by task: [round][task]."""
        own = self.tasks if tasks is None else tasks
        count = rounds or self.study.choice("rounds") or ROUNDS
        found = [in_rounds(self.study, task, edits, count, feedback, self.study.seed) for task in own]
        return [list(answers) for answers in zip(*found, strict=True)]

    @cached_property
    def best_number_of_rounds(self) -> int:
        """After how many rounds the unmodified model is right most often on the calibrating items, tasks weighing alike."""
        every = self.rounds(tasks=self.calibrated.calibrating)
        return 1 + int(np.argmax([np.mean([own.accuracy for own in answered]) for answered in every]))

    def chosen(
        self,
        edits: Sequence[Edit] = (),
        choice: Choice = "likeliest",
        tasks: Sequence[Task] | None = None,
        samples: int = SAMPLES,
    ) -> ByTask:
        """One of several sampled texts for each item, task by task."""
        own = self.tasks if tasks is None else tasks
        return [best_of(self.study, task, edits, samples, choice, self.study.seed) for task in own]


def without_the_hardest(found: Calibrated) -> Calibrated:
    """All tasks but the one whose level has the fewest calibrating items right; NotApplicable where it is the only one."""
    if len(found.tasks) < 2:
        raise NotApplicable("a single task suits the model, and no other is left")
    right = {(own.task, own.level): own.accuracy for own in found.tried}
    hardest = min(range(len(found.tasks)), key=lambda k: right[found.tasks[k].name, found.tasks[k].level] or 0.0)
    tasks, calibrating = (
        tuple(task for k, task in enumerate(own) if k != hardest) for own in (found.tasks, found.calibrating)
    )
    return replace(found, tasks=tasks, calibrating=calibrating)


def beside(study: Study | JointStudy, made: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `judge` takes beside the evidence; nothing in a universe, which has no control and no detail."""
    return made() if study.registered else {}
