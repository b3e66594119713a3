"""Exact match of a normalised string, and what a universe counts as right instead."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from jaxtyping import Bool

_WORDS = re.compile(r"(?<!\w)[-−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?!\w)|[^\W_]+")
"""Numbers with their sign and decimals, and runs of letters and digits."""


def normalised(text: str) -> list[str]:
    """The words of a text's first line that has some: in one case and one way to write accents, without punctuation.

    A number is one word with its sign and its decimals; commas between thousands are left out.
    """
    for line in text.splitlines():
        # Small letters would depend on what follows: a sigma at a word's end is another one.
        words = _WORDS.findall(unicodedata.normalize("NFC", line.casefold()))
        if words:
            return [word.replace(",", "").replace("−", "-") for word in words]
    return []


Texts = Iterable[str]
Scoring = Callable[[Texts, Texts], Bool[np.ndarray, " item"]]
Words = Sequence[str]


def right(texts: Texts, answers: Texts) -> Bool[np.ndarray, " item"]:
    """Whether each text begins with its answer, both normalised; what follows does not count."""
    return _scored(texts, answers, lambda text, answer: text[: len(answer)] == answer)


def right_anywhere(texts: Texts, answers: Texts) -> Bool[np.ndarray, " item"]:
    """Whether the words of an answer follow one another somewhere in its text's first line."""

    def holds(text: Words, answer: Words) -> bool:
        return any(text[start : start + len(answer)] == answer for start in range(len(text)))

    return _scored(texts, answers, holds)


def right_first_word(texts: Texts, answers: Texts) -> Bool[np.ndarray, " item"]:
    """Whether each text begins with the first word of its answer."""
    return _scored(texts, answers, lambda text, answer: text[:1] == answer[:1])


SCORINGS: Mapping[str | None, Scoring] = {None: right, "anywhere": right_anywhere, "first word": right_first_word}
"""By a universe's choice."""


def _scored(texts: Texts, answers: Texts, rule: Callable[[Words, Words], bool]) -> Bool[np.ndarray, " item"]:
    pairs = [(normalised(text), normalised(answer)) for text, answer in zip(texts, answers, strict=True)]
    return np.array([bool(answer) and rule(text, answer) for text, answer in pairs])
