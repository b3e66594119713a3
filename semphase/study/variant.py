"""What `study.varied` takes: refused where it is something else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from semphase.data.corpus import Corpus
from semphase.data.lexicon import Lexicon
from semphase.data.prompts import Prompts
from semphase.errors import SemphaseError


def require_data(lexicon: Any, corpus: Any, words: Any) -> None:
    """SemphaseError for a lexicon, a corpus or a number of words that is none."""
    if lexicon is not None and not isinstance(lexicon, Lexicon):
        raise SemphaseError(f"study.varied got lexicon={lexicon!r}: give a Lexicon, or words=NUMBER.")
    if corpus is not None and not isinstance(corpus, Corpus):
        raise SemphaseError(
            f"study.varied got corpus={corpus!r}: give a Corpus, as semphase.data.corpus.load reads it."
        )
    if words is not None and not (_whole(words) and words > 0):
        raise SemphaseError(f"study.varied got words={words!r}: give a whole number above 0.")
    if words is not None and lexicon is not None:
        raise SemphaseError("study.varied got a lexicon and words to draw of another: give one of them.")


def seed_of(given: Any) -> int:
    """A seed; SemphaseError for what is none."""
    if not _whole(given) or given < 0:
        raise SemphaseError(f"study.varied got seed={given!r}: give a whole number from 0 on.")
    return int(given)


def sets_of(given: Any) -> dict[str, Prompts]:
    """Sets of prompts by their names; SemphaseError for what is no list of sets, and for two of one name."""
    if isinstance(given, Prompts | str) or not isinstance(given, Iterable):
        raise SemphaseError(f"study.varied takes a list of sets of prompts and got {_short(given)}: prompts=[SET].")
    sets: dict[str, Prompts] = {}
    for own in given:
        if not isinstance(own, Prompts):
            raise SemphaseError(f"study.varied got {own!r} as a set of prompts: make one with Prompts.of(name, texts).")
        if own.name in sets:
            raise SemphaseError(f"study.varied got two sets of prompts named {own.name!r}: keep one.")
        sets[own.name] = own
    return sets


def _whole(given: Any) -> bool:
    return isinstance(given, int | np.integer) and not isinstance(given, bool)


def _short(given: Any) -> str:
    return f"the set {given.name!r} alone" if isinstance(given, Prompts) else repr(given)
