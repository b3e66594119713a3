"""Log-probabilities of tasks' answers, for `--verify` to measure again on the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from semphase.data.prompts import Prompts
from semphase.errors import NotApplicable
from semphase.measure.generating.plan import Decoding
from semphase.measure.generation import generated
from semphase.models import Model
from semphase.science.recovery.answering import Task
from semphase.science.recovery.facet import Recovery
from semphase.study.run import PromptRun
from semphase.study.sample import Sample
from semphase.study.study import Study
from semphase.tolerances import repeated_loss_tolerance

ITEMS = 16


@dataclass(eq=False)
class Samples:
    """The unmodified model on the first items of its first task."""

    study: Study

    def samples(self) -> Iterator[Sample]:
        """Log-probabilities of a task's answers; the relative difference of their sum."""
        try:
            tasks = self.study.facet(Recovery).tasks
        except NotApplicable:
            return
        for task in tasks[:1]:
            name = f"log p of the answers to {len(task.prompts[:ITEMS])} items of {task.name}"
            yield Sample(name, partial(self._difference, task), repeated_loss_tolerance(self.study.dtype))

    def _difference(self, task: Task, reference: Model) -> float:
        (answered,) = self.study.facet(Recovery).rounds(tasks=[task], rounds=1)
        own = answered[0].log_probability[:ITEMS]
        return abs(float(own.sum()) / self._again(task.prompts[:ITEMS], reference) - 1)

    def _again(self, prompts: Prompts, reference: Model) -> float:
        """The sum over prompts by the reference model, in nats."""
        run = PromptRun(self.study, prompts, (), must_move=False)
        answers = run.answers(prompts.answer, "answers")
        decoding = Decoding(1, 0.0, 1, self.study.seed)
        found = generated(reference, run.items, edits=(), decoding=decoding, answers=answers, advance=lambda _: None)
        return float(found["answer_log_probability"].values.sum())
