"""Registration: what a claim says is frozen before it is measured.

A claim that must change gets a new id, or an amendment with a reason; both are lines that `semphase register` appends
to the registry beside it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from semphase.errors import SemphaseError
from semphase.verdict import registry
from semphase.verdict.claim import Claim
from semphase.verdict.registry import Line, Registry


def register(claims: Sequence[Claim], path: Path) -> list[Line]:
    """Register the claims whose ids are new; returns their lines.

    Raises SemphaseError, and writes nothing, if a registered claim has changed.
    """

    def new(known: Registry) -> list[tuple[Claim, str]]:
        refuse_changed(claims, known)
        return [(claim, "") for claim in _with(claims, known, "unregistered")]

    _refuse_repeats(claims)
    return registry.append(path, new, _today())


def amend(claims: Sequence[Claim], path: Path, reason: str) -> list[Line]:
    """Register what changed since, with the reason, and the claims whose ids are new; returns their lines."""
    if not reason.strip():
        raise ValueError("an amendment needs a reason")

    def changed_or_new(known: Registry) -> list[tuple[Claim, str]]:
        changed = [(claim, reason) for claim in _with(claims, known, "changed")]
        return changed + [(claim, "") for claim in _with(claims, known, "unregistered")]

    _refuse_repeats(claims)
    return registry.append(path, changed_or_new, _today())


def refuse_changed(claims: Sequence[Claim], known: Registry) -> None:
    """Raise SemphaseError for a claim that differs from its registration."""
    for claim in _with(claims, known, "changed"):
        raise SemphaseError(_change(claim, known))


def check_registration(claims: Sequence[Claim], path: Path) -> list[str]:
    """What is wrong between all the claims of a folder and their registry, a sentence each; empty if nothing is."""
    known = registry.read(path)
    problems = [f"two claims have the id {name}" for name in _repeated(claims)]
    problems += [_change(claim, known) for claim in _with(claims, known, "changed")]
    problems += [
        f"{claim.id} is not registered: run semphase register" for claim in _with(claims, known, "unregistered")
    ]
    return problems + [f"{name} is registered but no longer judged" for name in gone(claims, known)]


def gone(claims: Sequence[Claim], known: Registry) -> list[str]:
    """The ids in the registry that no claim of its folder has any more."""
    return sorted(known.ids() - {claim.id for claim in claims})


def _with(claims: Sequence[Claim], known: Registry, status: str) -> list[Claim]:
    return [claim for claim in claims if known.registration(claim).status == status]


def _change(claim: Claim, known: Registry) -> str:
    return (
        f"{claim.id} differs from its registration of {known.registration(claim).date}: give it a new id, "
        'or register it again with --amend --reason "WHY"'
    )


def _refuse_repeats(claims: Sequence[Claim]) -> None:
    for name in _repeated(claims):
        raise SemphaseError(f"two claims have the id {name}: give one of them another")


def _repeated(claims: Sequence[Claim]) -> list[str]:
    return sorted(name for name, count in Counter(claim.id for claim in claims).items() if count > 1)


def _today() -> date:
    return datetime.now(UTC).date()
