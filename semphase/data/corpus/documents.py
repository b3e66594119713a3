"""A corpus cut into documents of one length: the first for training, the last for validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from semphase.errors import SemphaseError

SHORTEST = 20
"""Fewest tokens of a document: with the longest input, three tokens, most of its tokens see a whole input."""


@dataclass(frozen=True, slots=True, eq=False)
class Documents:
    """Token ids of runs of consecutive tokens, of which no token is in both parts."""

    training: Int[np.ndarray, "document position"]
    validation: Int[np.ndarray, "document position"]

    @property
    def length(self) -> int:
        """Tokens of a document."""
        return self.training.shape[1]

    def first(self, count: int) -> Documents:
        """The first training documents with all validation documents, so that smaller sizes lie within larger ones."""
        return Documents(self.training[:count], self.validation)

    def unseen(self, count: int) -> int:
        """Validation tokens whose type is not among the first `count` training documents."""
        return int((~np.isin(self.validation, self.training[:count])).sum())


def in_documents(
    tokens: Sequence[int] | Int[np.ndarray, " token"],
    training: int,
    validation: int,
    length: int,
    *,
    name: str = "the corpus",
) -> Documents:
    """The first `training` and the last `validation` documents of a text.

    A document is `length` consecutive tokens, fewer where the text is too short for that. Raises SemphaseError, with
    the number of documents that there are, where one would have fewer than 20 tokens, and where a part would be empty.
    """
    if min(training, validation) < 1:
        raise SemphaseError(
            f"{training} documents for training and {validation} for validation: give 1 or more of each."
        )
    ids, wanted = np.asarray(tokens), training + validation
    fitting = min(length, len(ids) // wanted)
    if fitting < SHORTEST:
        raise SemphaseError(
            f"{name} has {len(ids) // SHORTEST} documents of {SHORTEST} tokens, and {training} for training with "
            f"{validation} for validation are asked for; give a longer --corpus."
        )
    first, last = ids[: training * fitting], ids[len(ids) - validation * fitting :]
    return Documents(first.reshape(training, fitting), last.reshape(validation, fitting))
