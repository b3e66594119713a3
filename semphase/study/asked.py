"""Whether anything asks for what a universe's variant chose: a misspelt name would vary nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from semphase.errors import SemphaseError
from semphase.study.study import Study
from semphase.verdict.universes import CHOICES, OF_PASSES

KNOWN = frozenset(name for own in (*CHOICES.values(), *OF_PASSES.values()) for name in own)
"""Choices of the universes that have a name: some facet of semphase asks for each."""
Names = Callable[[Study], Iterable[str]]
TAKES = "seed, lexicon, corpus, prompts and words"


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
