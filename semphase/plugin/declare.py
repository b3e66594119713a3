"""The decorator that makes a test a claim."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, TypeVar

import pytest

from semphase.errors import SemphaseError
from semphase.verdict.claim import Claim, require_sound
from semphase.verdict.criterion import Criterion

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
    universes: Sequence[Any] = (),
    **rest: Any,
) -> Callable[[Test], Test]:
    """Declare the claim that the decorated test judges; the other keywords are the fields of `Claim`.

    `data` is what it reads besides weights: LEXICON, TEXT, prompts or a lexicon of its own, or several of these;
    `models` are the roles of the models that it compares, such as ("base", "tuned"), given as `--model base=NAME`.
    Raises SemphaseError for `universes`, which nothing judges yet, for roles that are no two names, and for fields that
    are not what `Claim` says.
    """
    if universes:
        raise SemphaseError(f"{id} declares universes, which semphase does not judge yet: leave universes out.")
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
        **rest,
    )
    require_sound(declared)
    return pytest.mark.claim(declared)


def _several(one_or_more: Any) -> tuple[Any, ...]:
    return tuple(one_or_more) if isinstance(one_or_more, (tuple, list)) else (one_or_more,)


def _roles(id: str, models: Sequence[str]) -> tuple[str, ...]:
    given = (models,) if isinstance(models, str) or not isinstance(models, Sequence) else tuple(models)
    plain = all(isinstance(role, str) and role.isidentifier() for role in given)
    if given and not (plain and len(given) == len(set(given)) > 1):
        raise SemphaseError(f"{id} has models={models!r}: name the roles of two models or more, each a plain word.")
    return given
