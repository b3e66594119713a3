"""What a model sees: token ids, and the position of each prompt that is read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Int

from semphase.errors import SemphaseError

NOTHING = -1
"""In the place of tokens behind a text's end."""


@dataclass(frozen=True)
class Items:
    """Prompts as token ids, and for each the position that is read."""

    tokens: tuple[tuple[int, ...], ...]
    at: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.tokens) != len(self.at) or not self.tokens:
            raise SemphaseError(f"{len(self.tokens)} prompts come with {len(self.at)} positions; give one for each.")
        for k, (tokens, at) in enumerate(zip(self.tokens, self.at, strict=True)):
            if not 0 <= at < len(tokens):
                raise SemphaseError(f"prompt {k} is to be read at position {at} and has {len(tokens)} tokens.")

    @classmethod
    def of(cls, tokens: Iterable[Sequence[int]], at: Iterable[int] | None = None) -> Items:
        """Prompts read at their last position, or where `at` says."""
        prompts = tuple(tuple(int(token) for token in own) for own in tokens)
        ends = (len(own) - 1 for own in prompts)
        return cls(prompts, tuple(int(position) for position in (ends if at is None else at)))

    @classmethod
    def of_chunks(cls, ids: Int[np.ndarray, "chunk position"]) -> Items:
        """Chunks of a text, read at their last position."""
        return cls.of(ids.tolist())

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """The number of tokens of each prompt."""
        return tuple(map(len, self.tokens))

    @cached_property
    def identity(self) -> str:
        """A hash of everything that the model sees."""
        return hashlib.sha256(repr((self.tokens, self.at)).encode()).hexdigest()
