"""Which level of a task suits a model: neither too easy nor too hard to show a change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from semphase.data.prompts import Prompts
from semphase.errors import NotApplicable, SemphaseError
from semphase.measure.locating import answers_of, items_of
from semphase.science.recovery.answering import Task, asked_again, in_rounds
from semphase.science.recovery.spending import ROUNDS, TOKENS, Trial
from semphase.science.recovery.tasks import LADDERS, Ladder, Sources
from semphase.study.study import Study

LEAST, MOST = 0.20, 0.90
MIDDLE = 0.55


@dataclass(frozen=True, slots=True)
class Tried:
    """A level that was tried: its accuracy, or why it could not be."""

    task: str
    level: str
    accuracy: float | None
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.level} {f'{100 * self.accuracy:.0f} %' if self.accuracy is not None else f'({self.reason})'}"


@dataclass(frozen=True, slots=True)
class Calibrated:
    """The tasks taken, with their items of the part that calibrates and of the part that judges, and what was tried."""

    tasks: tuple[Task, ...]
    calibrating: tuple[Task, ...]
    tried: tuple[Tried, ...]

    def told(self) -> dict[str, dict[str, object]]:
        """For a report: the accuracy of the unmodified model at every level that was tried."""
        found: dict[str, dict[str, object]] = {}
        for own in self.tried:
            found.setdefault(own.task, {})[own.level] = own.reason if own.accuracy is None else own.accuracy
        return found


def calibrated(study: Study, sources: Sources, trial: Trial) -> Calibrated:
    """The first tasks of which a level has the unmodified model between 20 and 90 % right on the calibrating items.

    Of several such levels the one nearest to 55 %. The judging items choose no level; a task is left out where the model
    is outside of the bounds on them, where changes would hardly show. NotApplicable, which says what was tried, where
    there is no task.
    """
    tasks: list[Task] = []
    calibrating: list[Task] = []
    tried: list[Tried] = []
    for ladder in LADDERS:
        if len(tasks) == trial.tasks:
            break
        own = list(_levels(study, sources, ladder, trial))
        tried += [found for found, _ in own]
        chosen, further = _judged(study, sources, ladder, own, trial)
        tried += further
        if chosen is not None:
            tasks.append(chosen[0])
            calibrating.append(chosen[1])
    if not tasks:
        raise NotApplicable(
            f"no task has {study.label} between 20 and 90 % right; give another model, or a --corpus and a --lexicon in its "
            f"language. Tried {_sentence(tried)}."
        )
    return Calibrated(tuple(tasks), tuple(calibrating), tuple(tried))


def _judged(
    study: Study, sources: Sources, ladder: Ladder, levels: list[tuple[Tried, Task | None]], trial: Trial
) -> tuple[tuple[Task, Task] | None, list[Tried]]:
    """Of the levels within bounds the one nearest to 55 % whose judging items the model can read; what was tried there."""
    fitting = [
        (abs(found.accuracy - MIDDLE), found.level, task)
        for found, task in levels
        if task is not None and found.accuracy is not None and LEAST <= found.accuracy <= MOST
    ]
    tried: list[Tried] = []
    for _, level, first in sorted(fitting, key=lambda each: each[0]):
        task = _task(study, ladder, level, ladder.prompts(sources, level, "judge", trial.judge))
        if not isinstance(task, Task):
            tried.append(Tried(ladder.name, f"{level}, judging items", None, task))
            continue
        accuracy = in_rounds(study, task, (), 1)[0].accuracy
        tried.append(Tried(ladder.name, f"{level}, judging items", accuracy))
        return ((task, first) if LEAST <= accuracy <= MOST else None), tried
    return None, tried


def _levels(study: Study, sources: Sources, ladder: Ladder, trial: Trial) -> Iterator[tuple[Tried, Task | None]]:
    for level in ladder.levels:
        task = _task(study, ladder, level, ladder.prompts(sources, level, "calibrate", trial.calibrate))
        if isinstance(task, Task):
            yield Tried(ladder.name, level, in_rounds(study, task, (), 1)[0].accuracy), task
        else:
            yield Tried(ladder.name, level, None, task), None


def _task(study: Study, ladder: Ladder, level: str, prompts: Prompts | None) -> Task | str:
    """The task with these items, or why the model cannot do it."""
    if prompts is None:
        return "fewer than two items can be made"
    return fitted(study, Task(ladder.name, level, prompts, ladder.between, TOKENS))


def fitted(study: Study, task: Task) -> Task | str:
    """The task with tokens enough for every answer in the model's own; or why it cannot read the items or all rounds."""
    model = study.tokenizing_model
    try:
        lengths = items_of(model, task.prompts).lengths
        answers = answers_of(model, task.prompts, task.prompts.answer, "answers")
    except (SemphaseError, NotApplicable) as problem:
        return str(problem).partition(";")[0].rstrip(".")  # the way out is meant for who writes prompts
    again = asked_again(task.prompts, [""] * len(task.prompts), task.between, 2)
    question = max(len(model.encode(text)) - length for text, length in zip(again.texts or (), lengths, strict=True))
    tokens = max(task.tokens, *map(len, answers))
    if max(lengths) + ROUNDS * (tokens + question) > model.context:
        return f"{ROUNDS} rounds of it are longer than the {model.context} tokens that the model reads"
    return replace(task, tokens=tokens)


def _sentence(tried: list[Tried]) -> str:
    by_task: dict[str, dict[str, list[Tried]]] = {}
    for own in tried:
        by_task.setdefault(own.task, {}).setdefault(own.reason or own.level, []).append(own)
    told = {task: ", ".join(_together(same) for same in levels.values()) for task, levels in by_task.items()}
    return "; ".join(f"{task}: {levels}" for task, levels in told.items())


def _together(same: list[Tried]) -> str:
    """Levels that fail for the same reason, which is told once."""
    *first, last = same
    return ", ".join([*(own.level for own in first), str(last)])
