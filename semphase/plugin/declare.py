"""The decorator that makes a test a claim."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, TypeVar

import pytest

from semphase.errors import SemphaseError
from semphase.verdict.claim import Claim, require_sound
from semphase.verdict.criterion import Criterion
from semphase.verdict.universes import universe

NO_UNIVERSE = "none:"
Test = TypeVar("Test", bound=Callable[..., Any])


def claim(
    id: str,
    *,
    statement: str,
    criterion: str,
    parts: Criterion | tuple[Criterion, ...],
    estimator: str,
    source: str,
    control: str,
    data: Any = (),
    models: Sequence[str] = (),
    universes: Sequence[Any] | str = (),
    **rest: Any,
) -> Callable[[Test], Test]:
    """Declare the claim that the decorated test judges; the other keywords are the fields of `Claim`.

    `data` is what it reads besides weights: LEXICON, TEXT, prompts or a lexicon of its own, or several of these;
    `models` are the roles of the models that it compares, such as ("base", "tuned"), given as `--model base=NAME`;
    `universes` are variants of the analysis: names of `semphase.verdict.universes`, functions from a study to a study, or
    "none: REASON". Raises SemphaseError for a universe that is none of these, for roles that are no two names, and for
    fields that are not what `Claim` says.
    """
    unknown = sorted(rest.keys() - {own.name for own in fields(Claim)})
    if unknown:
        raise SemphaseError(f"{id} has {unknown[0]!r}, which no claim has; its fields are those of semphase.Claim.")
    declared = Claim(
        id=id,
        statement=statement,
        criterion=criterion,
        parts=_several(parts),
        estimator=estimator,
        source=source,
        control=control,
        data=_several(data),
        models=_roles(id, models),
        **_universes(id, universes),
        **rest,
    )
    require_sound(declared)
    return pytest.mark.claim(declared)


def _universes(id: str, given: Sequence[Any] | str) -> dict[str, Any]:
    """The claim's fields on universes."""
    if isinstance(given, str):
        reason = given.removeprefix(NO_UNIVERSE).strip()
        if not given.startswith(NO_UNIVERSE) or not reason:
            raise SemphaseError(f'{id} has universes={given!r}: give a list of universes, or "none: REASON".')
        return {"alone": reason}
    try:
        named = tuple(universe(own) for own in _several(given))
    except SemphaseError as problem:
        raise SemphaseError(f"{id}: {problem}") from None
    if len({own.name for own in named}) < len(named):
        raise SemphaseError(f"{id} names a universe twice; keep one.")
    return {"universes": named}


def _several(one_or_more: Any) -> tuple[Any, ...]:
    return tuple(one_or_more) if isinstance(one_or_more, (tuple, list)) else (one_or_more,)


def _roles(id: str, models: Sequence[str]) -> tuple[str, ...]:
    given = (models,) if isinstance(models, str) or not isinstance(models, Sequence) else tuple(models)
    plain = all(isinstance(role, str) and role.isidentifier() for role in given)
    if given and not (plain and len(given) == len(set(given)) > 1):
        raise SemphaseError(f"{id} has models={models!r}: name the roles of two models or more, each a plain word.")
    return given
