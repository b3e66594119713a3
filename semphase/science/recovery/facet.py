"""Tasks that suit a study's model, and its answers to them under edits, in rounds or chosen from several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from semphase.measure.edit_base import Edit
from semphase.science.recovery.answering import Answered, Choice, Feedback, Task, best_of, in_rounds
from semphase.science.recovery.calibration import Calibrated, calibrated
from semphase.science.recovery.spending import ROUNDS, SAMPLES, TRIALS, Trial
from semphase.science.recovery.tasks import Sources
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
        study = self.study
        return calibrated(study, Sources(study.lexicon, study.corpus.text, study.seed), self.trial)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks that are judged."""
        return self.calibrated.tasks

    def rounds(
        self,
        edits: Sequence[Edit] = (),
        feedback: Feedback = "own",
        tasks: Sequence[Task] | None = None,
        rounds: int = ROUNDS,
    ) -> list[ByTask]:
        """The answers after each round, task by task: [round][task]."""
        own = self.tasks if tasks is None else tasks
        found = [in_rounds(self.study, task, edits, rounds, feedback, self.study.seed) for task in own]
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
