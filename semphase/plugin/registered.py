"""Is a collected claim registered? The registry beside its file, read once in a session, as it was at the start."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from semphase.errors import SemphaseError
from semphase.plugin.collect import claim_of

if TYPE_CHECKING:
    from semphase.report.schema import RegistrationForm, RegistryForm
    from semphase.verdict.registry import Registry

REGISTRIES = pytest.StashKey[dict[Path, "Registry"]]()


def check_registries(items: Iterable[pytest.Item]) -> None:
    """Read the registry of every claim; raises pytest.UsageError for one that was cut or edited."""
    try:
        for item in items:
            if claim_of(item) is not None:
                _registry(item)
    except SemphaseError as problem:
        raise pytest.UsageError(str(problem)) from None


def family_of(collected: Iterable[pytest.Item], selected: Iterable[pytest.Item]) -> set[str]:
    """The ids of all claims that may be about a model: all that were collected, and what the registries name besides."""
    claims = [claim for item in collected if (claim := claim_of(item)) is not None]
    named = {name for item in selected if claim_of(item) is not None for name in _registry(item).ids()}
    return (named | {claim.id for claim in claims}) - {claim.id for claim in claims if not claim.needs.model}


def registration_of(item: pytest.Item) -> tuple[RegistrationForm, dict[str, RegistryForm]]:
    """How the item's claim stands to its registry, and that registry's head and length by its path."""
    claim, known = claim_of(item), _registry(item)
    assert claim is not None
    found = known.registration(claim)
    forms: dict[str, RegistryForm] = {}
    if known.head is not None:
        forms[_name(known.path, item.config.rootpath)] = {"head": known.head, "length": len(known.lines)}
    return {"status": found.status, "date": found.date}, forms


def _registry(item: pytest.Item) -> Registry:
    from semphase.verdict import registry

    known, path = item.config.stash.setdefault(REGISTRIES, {}), registry.beside(item.path)
    if path not in known:
        known[path] = registry.read(path)
    return known[path]


def _name(path: Path, root: Path) -> str:
    """The path from the project's root, since a report travels."""
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()
