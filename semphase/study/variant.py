"""What `study.varied` takes: refused where it is something else, or where nothing ever asked for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from semphase.data.corpus import Corpus
from semphase.data.lexicon import Lexicon
from semphase.data.prompts import Prompts
from semphase.errors import SemphaseError
from semphase.verdict.universes import CHOICES, OF_PASSES

if TYPE_CHECKING:
    from semphase.study.study import Study

KNOWN = frozenset(name for own in (*CHOICES.values(), *OF_PASSES.values()) for name in own)
"""Choices of the universes that have a name: some facet of semphase asks for each."""
Names = Callable[["Study"], Iterable[str]]
TAKES = "seed, lexicon, corpus, prompts and words"


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


def require_asked(studies: Iterable[Study]) -> None:
    """SemphaseError for what variants chose and nothing has asked for: a misspelt name would vary nothing.

    What one of the studies was asked for counts for all, and what an earlier claim asked of a variant that claims share.
    """
    each = list(studies)
    choices = _unasked(each, lambda own: own.choices, lambda own: own.asked | KNOWN)
    if choices:
        raise SemphaseError(
            f"nothing asked for {' or '.join(choices)}, so it varies nothing: study.varied takes {TAKES}, and choices that "
            "a facet asks for by study.choice(NAME)."
        )
    sets = _unasked(each, _own_sets, lambda own: own.substitutes.asked)
    if sets:
        raise SemphaseError(
            f"nothing reads prompts named {' or '.join(map(repr, sets))}, so they vary nothing: give them the name of the "
            "set that they stand for, and read it in the test."
        )


def _unasked(each: list[Study], given: Names, asked: Names) -> list[str]:
    heard = {name for own in each for name in asked(own)}
    return [name for name in dict.fromkeys(name for own in each for name in given(own)) if name not in heard]


def _own_sets(study: Study) -> Iterator[str]:
    """Names of the sets that the variant has, and the run has not."""
    *_, root = study, *study.lineage
    before = root.substitutes.sets
    yield from (name for name, own in study.substitutes.sets.items() if before.get(name) is not own)


def _whole(given: Any) -> bool:
    return isinstance(given, int | np.integer) and not isinstance(given, bool)


def _short(given: Any) -> str:
    return f"the set {given.name!r} alone" if isinstance(given, Prompts) else repr(given)
