"""Exact match of a normalised string."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

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


def right(texts: Iterable[str], answers: Iterable[str]) -> Bool[np.ndarray, " item"]:
    """Whether each text begins with its answer, both normalised; what follows does not count."""
    pairs = [(normalised(text), normalised(answer)) for text, answer in zip(texts, answers, strict=True)]
    return np.array([bool(answer) and text[: len(answer)] == answer for text, answer in pairs])
