"""An ambiguous word with the prompts that set its sense."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import lru_cache

CONDITIONS = ("strong_b", "weak_b", "neutral", "weak_a", "strong_a")
DIRECTIONS = ("direction_a", "direction_b")
GRADIENTS = ("gradient_a", "gradient_b")
STEPS = 10
LEAST_DIRECTIONS = 5


@dataclass(frozen=True, slots=True)
class Word:
    """One word: two senses and, for each role, prompts that end with the word.

    `direction_*` define e_diff, the five conditions probe it, `gradient_*` run from weak to strong.
    """

    word: str
    sense_a: str
    sense_b: str
    direction_a: tuple[str, ...]
    direction_b: tuple[str, ...]
    neutral: tuple[str, ...]
    weak_a: tuple[str, ...]
    weak_b: tuple[str, ...]
    strong_a: tuple[str, ...]
    strong_b: tuple[str, ...]
    gradient_a: tuple[str, ...]
    gradient_b: tuple[str, ...]

    def prompts(self, role: str) -> tuple[str, ...]:
        """The prompts of one role, for example "weak_a"."""
        return tuple(getattr(self, role))


@dataclass(frozen=True, slots=True)
class Prompt:
    """A text in which the `word` that begins at character `start` is read; role and index name the prompt."""

    word: str
    role: str
    index: int
    text: str
    start: int


def ending(word: Word, role: str, index: int, text: str) -> Prompt:
    """A text that ends with the word, which is read there."""
    return Prompt(word.word, role, index, text, len(text) - len(word.word))


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The words of one study, with the hash of all that is in them."""

    words: tuple[Word, ...]

    @property
    def sha256(self) -> str:
        """Hash of the content; the file's layout and format do not matter."""
        return _sha256(self.words)

    @property
    def names(self) -> tuple[str, ...]:
        """The words themselves, in order."""
        return tuple(word.word for word in self.words)

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """Every prompt of every word, in the lexicon's order."""
        return tuple(
            ending(word, role, index, text)
            for word in self.words
            for role in (*DIRECTIONS, *CONDITIONS, *GRADIENTS)
            for index, text in enumerate(word.prompts(role))
        )


@lru_cache(maxsize=16)
def _sha256(words: tuple[Word, ...]) -> str:
    """Asked for by every verdict."""
    content = json.dumps([asdict(word) for word in words], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()
