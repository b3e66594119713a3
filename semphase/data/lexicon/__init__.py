"""Ambiguous words, their senses and prompts."""

from semphase.data.lexicon.reader import dump, load, merge
from semphase.data.lexicon.words import (
    CONDITIONS,
    DIRECTIONS,
    GRADIENTS,
    LEAST_DIRECTIONS,
    STEPS,
    Lexicon,
    Prompt,
    Word,
)

__all__ = [
    "CONDITIONS", "DIRECTIONS", "GRADIENTS", "LEAST_DIRECTIONS", "STEPS", "Lexicon", "Prompt", "Word", "dump", "load",
    "merge",
]  # fmt: skip
