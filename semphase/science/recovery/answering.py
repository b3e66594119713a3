"""Answers to a task's items, once or in rounds: what is generated stands before the question when it is asked again."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Shaped

from semphase.data.prompts import Prompts
from semphase.measure.edit_base import Edit
from semphase.science.recovery.scoring import SCORINGS, normalised
from semphase.science.recovery.spending import TEMPERATURE
from semphase.stats.ngrams import repeated_share
from semphase.study.generated import Generated
from semphase.study.study import Study

Feedback = Literal["own", "shuffled", "another item's"]
Choice = Literal["likeliest", "first", "random", "likeliest in sum", "majority"]
Edits = Sequence[Edit]


@dataclass(frozen=True, slots=True)
class Task:
    """A set of items of one level, and what stands between a text and the question when that is asked again."""

    name: str
    level: str
    prompts: Prompts
    between: str
    tokens: int


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """What a model made of a task's items: exact matches, log p of the right answers in nats, and what that took.

    `flops` are all operations of an item so far, `repeated` the share of 4-grams of its generated text, all rounds
    together, that occurred in it before (nan for fewer than four tokens).
    """

    right: Bool[np.ndarray, " item"]
    log_probability: Float[np.ndarray, " item"]
    flops: Float[np.ndarray, " item"]
    repeated: Float[np.ndarray, " item"]

    @property
    def accuracy(self) -> float:
        """The share of exact matches."""
        return float(self.right.mean())

    def told(self) -> dict[str, float]:
        """Means, for a report."""
        known = self.repeated[np.isfinite(self.repeated)]
        return {
            "accuracy": self.accuracy,
            "log p of the answer": float(self.log_probability.mean()),
            "FLOPs": float(self.flops.mean()),
            "repeated 4-grams": float(known.mean()) if known.size else float("nan"),
        }


def in_rounds(
    study: Study, task: Task, edits: Edits, rounds: int, feedback: Feedback = "own", seed: int = 0
) -> list[Answered]:
    """The answers after each round, greedily generated.

    Before every further round the text of the last one is put behind its question and the question is asked again, so
    that the model reads all it has written (001, exp10 I). `feedback` puts the text's words in random order, or a text of
    the same length that the model wrote to another item, in its place.
    """
    found: list[Answered] = []
    prompts, total = task.prompts, np.zeros(len(task.prompts))
    written: list[tuple[int, ...]] = [()] * len(prompts)
    for number in range(rounds):
        made = _texts(study, task, prompts, edits)
        total = total + _flops(made)
        written = [(*own, *made.written(item)) for item, own in enumerate(written)]
        right = _right(study, made.texts[:, 0], prompts)
        found.append(Answered(right, _log_probability(made), total, _repeated(written)))
        lengths = [len(made.written(item)) for item in range(len(written))]
        fed = _fed(list(made.texts[:, 0]), lengths, feedback, seed)
        prompts = asked_again(prompts, fed, task.between, number + 2)
    return found


def best_of(study: Study, task: Task, edits: Edits, samples: int, choice: Choice, seed: int = 0) -> Answered:
    """One of several sampled texts for each item: the one with the highest mean log p of its tokens under the model itself.

    "likeliest in sum" takes the highest sum, "majority" the first text whose first word is said by most; a universe may
    choose one of them for "likeliest", and other samples. "first" and "random" look at no text. FLOPs are those of all
    samples, for "first" of one.
    """
    made = _texts(study, task, task.prompts, edits, samples=samples, temperature=TEMPERATURE)
    other: Choice | None = study.choice("sample")
    chosen = _chosen(made, other if other and choice == "likeliest" else choice, seed)
    rows = np.arange(len(chosen))
    texts = made.texts[rows, chosen]
    paid = made.flops.values[rows, chosen] if choice == "first" else made.flops.values.sum(axis=1)
    written = [made.written(item, int(sample)) for item, sample in enumerate(chosen)]
    return Answered(
        _right(study, texts, task.prompts),
        _log_probability(made),
        made.prompt_flops.values + paid,
        _repeated(written),
    )


def asked_again(prompts: Prompts, texts: Iterable[str], between: str, number: int) -> Prompts:
    """The same questions, each behind its header, itself and a text that followed."""
    headers = [
        f"{header}{question}{text}{between}"
        for header, question, text in zip(prompts.header, prompts.question, texts, strict=True)
    ]
    return Prompts.of(
        f"{prompts.name.partition('#')[0]}#{number}",
        [header + question.lstrip() for header, question in zip(headers, prompts.question, strict=True)],
        header=headers,
        question=[question.lstrip() for question in prompts.question],
        answer=list(prompts.answer),
    )


def _texts(
    study: Study, task: Task, prompts: Prompts, edits: Edits, samples: int = 1, temperature: float = 0.0
) -> Generated:
    return study.generate(
        prompts,
        edits,
        tokens=task.tokens,
        temperature=temperature,
        samples=samples,
        seed=study.seed + (study.choice("samples") == "other"),
        answers=prompts.answer,
        must_move=False,  # the claims' preflight has seen these edits move the loss
    )


def _fed(texts: list[str], lengths: Sequence[int], feedback: Feedback, seed: int) -> list[str]:
    if feedback == "another item's":
        return [texts[other] for other in _others(lengths)]
    return [_shuffled(text, seed, item) for item, text in enumerate(texts)] if feedback == "shuffled" else texts


def _others(lengths: Sequence[int]) -> list[int]:
    """For every item the next one whose text has as many tokens, or nearly as many where none has."""
    n = len(lengths)

    def other(item: int) -> int:
        following = ((item + step) % n for step in range(1, n))
        return min(following, key=lambda at: abs(lengths[at] - lengths[item]))

    return [other(item) for item in range(n)]


def _shuffled(text: str, seed: int, item: int) -> str:
    words = text.split()
    random.Random(repr((seed, item, text))).shuffle(words)  # noqa: S311 - no secrets here
    return " " + " ".join(words)


def _chosen(made: Generated, choice: Choice, seed: int) -> Shaped[np.ndarray, " item"]:
    prompts, samples = made.tokens.shape[:2]
    if choice == "random":
        return np.random.default_rng([seed, samples]).integers(0, samples, size=prompts)
    if choice == "first":
        return np.zeros(prompts, dtype=int)
    if choice == "majority":
        return np.array([_most_said(texts) for texts in made.texts])
    over_tokens = np.nansum if choice == "likeliest in sum" else np.nanmean
    return np.asarray(over_tokens(made.log_probabilities.values, axis=2).argmax(axis=1))


def _most_said(texts: Iterable[str]) -> int:
    """The first of the texts whose first word most of them share."""
    words = [normalised(text)[:1] for text in texts]
    return words.index(list(Counter(map(tuple, words)).most_common(1)[0][0]))


def _right(study: Study, texts: Iterable[str], prompts: Prompts) -> Bool[np.ndarray, " item"]:
    return SCORINGS[study.choice("scoring")](texts, prompts.answer)


def _log_probability(made: Generated) -> Float[np.ndarray, " item"]:
    assert made.answer_log_probabilities is not None
    return np.asarray(made.answer_log_probabilities.values)


def _flops(made: Generated) -> Float[np.ndarray, " item"]:
    return np.asarray(made.prompt_flops.values + made.flops.values.sum(axis=1))


def _repeated(written: list[tuple[int, ...]]) -> Float[np.ndarray, " item"]:
    return np.array([repeated_share(own) for own in written])
