"""How a collected claim stands to the registry beside its file: both as they were when the session began."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from semphase.errors import SemphaseError
from semphase.plugin import judged, options
from semphase.plugin.collect import claim_of
from semphase.plugin.session import session_of

if TYPE_CHECKING:
    from semphase.report.schema import Entry, RegistrationForm, RegistryForm
    from semphase.report.strength import Reach
    from semphase.verdict.frozen import Frozen
    from semphase.verdict.registry import Registration, Registry, Status

REGISTRIES = pytest.StashKey[dict[Path, "Registry"]]()
FROZEN = pytest.StashKey["Frozen"]()
FRESH = pytest.StashKey[bool]()
"""Had no run judged anything with the store before this one?"""


def check_registries(items: Iterable[pytest.Item], config: pytest.Config) -> None:
    """Read the registry and the code of every claim; raises pytest.UsageError for a registry that was cut or edited."""
    config.stash[FRESH] = judged.is_fresh(options.store_folder(config), session_of(config).run_id)
    try:
        for item in items:
            if claim_of(item) is not None:
                item.stash[FROZEN] = _frozen(item)
                _registry(item)
    except SemphaseError as problem:
        raise pytest.UsageError(str(problem)) from None


def family_of(config: pytest.Config) -> dict[str, Reach]:
    """The claims of all registries that were read; what they are judged on is known of those collected alone."""
    known = config.stash.get(REGISTRIES, {}).values()
    return dict.fromkeys((name for own in known for name in sorted(own.ids())), "unknown")


def registration_of(
    item: pytest.Item, entry: Entry, run: Mapping[str, Any]
) -> tuple[RegistrationForm, dict[str, RegistryForm]]:
    """How the claim that an entry tells of stands to its registry, and that registry's head and length by its path.

    `run` says under which circumstances the entry was found. The store keeps when the claim was judged first.
    """
    from semphase.report.golden import golden_of
    from semphase.verdict.standing import standing

    own, known = item.stash[FROZEN], _registry(item)
    found = standing(own, known, golden_of(entry, run))
    told: RegistrationForm = {
        "status": _status(item, found), "date": found.date, "rule": own.rule, "code": own.code,
    }  # fmt: skip
    if found.remarks:
        told["remarks"] = list(found.remarks)
    if entry["verdict"] not in (None, "not-applicable"):
        judged.record(options.store_folder(item.config), own.id, session_of(item.config).run_id, own.rule, own.code)
    forms: dict[str, RegistryForm] = {}
    if known.head is not None:
        forms[_name(known.path, item.config.rootpath)] = {"head": known.head, "length": len(known.lines)}
    return told, forms


def _status(item: pytest.Item, found: Registration) -> Status:
    """What the log and the output say, and what the store says of the order."""
    own, known, status = item.stash[FROZEN], _registry(item), found.status
    if status in ("changed", "unregistered"):
        return status
    first = judged.first(options.store_folder(item.config), own.id)
    if first is not None and known.registered_after(own.id, first.moment):
        return "after measurement"
    return "unknown" if item.config.stash[FRESH] and status != "amended" else status


def _frozen(item: pytest.Item) -> Frozen:
    """The claim with its hashes; without one for code that cannot be read, which then counts as changed."""
    from semphase.verdict.frozen import Frozen, frozen

    claim = claim_of(item)
    assert claim is not None
    try:
        return frozen(claim, item.function if isinstance(item, pytest.Function) else item.obj)  # type: ignore[attr-defined]
    except SemphaseError:
        return Frozen(claim, "", "")


def _registry(item: pytest.Item) -> Registry:
    from semphase.verdict import registry

    known, path = item.config.stash.setdefault(REGISTRIES, {}), registry.beside(item.path)
    if path not in known:
        known[path] = registry.read(path)
    return known[path]


def _name(path: Path, root: Path) -> str:
    """The path from the project's root, since a report travels."""
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()
