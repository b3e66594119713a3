"""Ambiguous words, their senses and prompts."""

from semphase.lexicon.reader import dump, load, merge
from semphase.lexicon.words import CONDITIONS, Lexicon, Word

__all__ = ["CONDITIONS", "Lexicon", "Word", "dump", "load", "merge"]
