"""One number for each prompt, from what leaves the last block; torch-free until it is read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from semphase.errors import SemphaseError

if TYPE_CHECKING:
    from semphase.measure.items import Items

Answers = tuple[tuple[int, ...], ...]
"""The tokens of one answer for each prompt."""


@dataclass(frozen=True)
class Score:
    """Σ coefficient · log p(answer), in nats: an answer's tokens follow the position of the prompt that is read.

    An answer of several tokens counts with its summed log-probability.
    """

    terms: tuple[tuple[float, Answers], ...]

    @property
    def identity(self) -> str:
        """The same string for equal scores only."""
        return hashlib.sha256(repr(self.terms).encode()).hexdigest()

    def require(self, items: Items) -> None:
        """SemphaseError unless there is an answer for each prompt."""
        for _, answers in self.terms:
            if len(answers) != len(items):
                raise SemphaseError(f"there are {len(answers)} answers and {len(items)} prompts; give one for each.")
            for prompt, answer in enumerate(answers):
                if not answer:
                    raise SemphaseError(f"the answer to prompt {prompt} has no tokens; give at least one.")

    def asked(self, item: int, extra: tuple[int, ...]) -> list[tuple[float, tuple[int, ...]]]:
        """The answers, with their coefficients, that are read in the row of a prompt with `extra` behind it."""
        return [(weight, answers[item]) for weight, answers in self.terms if answers[item][:-1] == extra]


def log_probability(answers: Iterable[Sequence[int]]) -> Score:
    """log p of one answer for each prompt."""
    return Score(((1.0, _tokens(answers)),))


def logit_difference(right: Iterable[Sequence[int]], wrong: Iterable[Sequence[int]]) -> Score:
    """log p(right) − log p(wrong); for answers of one token the difference of their logits."""
    return Score(((1.0, _tokens(right)), (-1.0, _tokens(wrong))))


def _tokens(answers: Iterable[Any]) -> Answers:
    return tuple((int(answer),) if isinstance(answer, int) else tuple(map(int, answer)) for answer in answers)
