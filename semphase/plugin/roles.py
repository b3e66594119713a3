"""Models in roles: `--model base=gpt2`, where a collected claim declares models=("base", "tuned")."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import pytest

from semphase.files import is_there, place


def role_in(given: str) -> tuple[str, str]:
    """("base", "gpt2") of "base=gpt2"; the role is empty where none can be meant."""
    role, sign, name = given.partition("=")
    return (role, name) if sign and name and role.isidentifier() else ("", given)


def name_of(given: str, roles: Collection[str]) -> str:
    """The model that was given: "gpt2" of "base=gpt2", which is a name as it stands where no claim has that role."""
    role, name = role_in(given)
    return name if role in roles else given


def players(models: Iterable[str], roles: Sequence[str]) -> tuple[str, ...]:
    """What was given for each of a claim's roles, in its order; shorter than `roles` where one was not given."""
    given = {role_in(model)[0]: model for model in models}
    return tuple(given[role] for role in roles if role in given)


def assigned(models: Iterable[str], roles: Collection[str]) -> tuple[tuple[str, str], ...]:
    """Role and name of every model given in a role; raises pytest.UsageError for a role that is given twice."""
    pairs = [role_in(model) for model in models]
    found = [(role, name) for role, name in pairs if role in roles]
    for role, name in pairs:
        if roles and role and role not in roles and not _exists(f"{role}={name}"):
            raise pytest.UsageError(
                f"--model gives the role {role}, which no collected claim has: the roles are {', '.join(sorted(roles))}."
            )
    twice = [role for role, _ in found if [each for each, _ in found].count(role) > 1]
    if twice:
        raise pytest.UsageError(f"--model gives the role {twice[0]} twice: one model plays it.")
    return tuple(found)


def missing(models: Iterable[str], roles: Sequence[str]) -> str:
    """The options that would fill a claim's empty roles, as a sentence; empty where every role is filled."""
    given = {role_in(model)[0] for model in models}
    lacking = [f"--model {role}=NAME" for role in roles if role not in given]
    return f"compares models in roles: give {' and '.join(lacking)}" if lacking else ""


def _exists(name: str) -> bool:
    """A folder or file may have an equals sign in its name."""
    return is_there(place(name))
