"""Registration: what a claim says, and how it is computed, is frozen before it is measured.

A claim that must change gets a new id, or an amendment with a reason; code that was written anew and finds the same is
told as such. All of these are lines that `semphase register` appends to the registry beside the claim.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from semphase.errors import SemphaseError
from semphase.verdict import registry
from semphase.verdict.frozen import Frozen
from semphase.verdict.registry import UNIVERSES, Entered, Golden, Line, Registry, differs, holds_code, holds_rule

RE_IMPLEMENTED = "re-implemented: the output is that of before"
KEPT = "output of the run"


def register(claims: Sequence[Frozen], path: Path) -> list[Line]:
    """Register the claims whose ids are new; returns their lines.

    Raises SemphaseError, and writes nothing, if a registered claim has changed.
    """

    def new(known: Registry) -> list[Entered]:
        refuse_changed(claims, known)
        return [Entered(own) for own in _with(claims, known, "unregistered")]

    _refuse_repeats(claims)
    return registry.append(path, new, _now())


def amend(claims: Sequence[Frozen], path: Path, reason: str, outputs: Mapping[str, Golden] | None = None) -> list[Line]:
    """Register what changed since, with the reason, and the claims whose ids are new; returns their lines.

    A claim whose last line is from before code was hashed counts as changed, and so does one of which `outputs`, by id,
    hold another output than the one that was kept; they are kept from now on.
    """
    found = outputs or {}
    if not reason.strip():
        raise ValueError("an amendment needs a reason")

    def changed_or_new(known: Registry) -> list[Entered]:
        changed = [own for own in claims if _is_to_amend(own, known, found.get(own.id, {}))]
        new = _with(claims, known, "unregistered")
        told = [(own, reason) for own in changed] + [(own, "") for own in new]
        return [Entered(own, why, found.get(own.id) or None) for own, why in told]

    _refuse_repeats(claims)
    return registry.append(path, changed_or_new, _now())


def re_implement(claims: Sequence[Frozen], path: Path, outputs: Mapping[str, Golden], run: str) -> list[Line]:
    """Register the claims whose ids are new, and keep the outputs that a run found for them; returns the lines.

    `outputs` are those of the claims as they are, by id. Code that changed gets a line where its output is that of before.
    Raises SemphaseError, and writes nothing, where a claim says something else, or another output was found.
    """

    def told(known: Registry) -> list[Entered]:
        return [line for own in claims if (line := entered(own, known, outputs.get(own.id, {}), run)) is not None]

    _refuse_repeats(claims)
    return registry.append(path, told, _now())


def entered(own: Frozen, known: Registry, found: Golden, run: str) -> Entered | None:
    """The line that a run's outputs give a claim, None where they add nothing; SemphaseError where they differ."""
    line = known.latest(own.id)
    if line is None:
        return Entered(own, golden=found or None)
    if not holds_rule(line, own):
        raise SemphaseError(_change(own, known))
    golden = line.golden or {}
    if differs(golden, found):
        raise SemphaseError(
            f"the run {run} found another output of {own.id} than the one that was kept on {line.day}: undo the change, "
            f'or register it with --amend --reason "WHY" --run {run}'
        )
    if not holds_code(line, own):
        _require_shown(own, golden, found, run)
        return Entered(own, RE_IMPLEMENTED, {**golden, **found})
    # A line from before code was hashed cannot vouch that the output is that of the code registered.
    new = line.code is not None and found.keys() - golden.keys()
    return Entered(own, f"{KEPT} {run} kept", {**golden, **found}) if new else None


def _require_shown(own: Frozen, golden: Golden, found: Golden, run: str) -> None:
    """SemphaseError unless outputs, those of universes among them where they were kept, show that code finds the same."""
    shared = [name for name in found if name in golden]
    if not shared:
        raise SemphaseError(
            f"the run {run} cannot show that {own.id} finds what it found, since no output is kept for its models, "
            'data, budget and seed: judge it under those of a kept one, or register it with --amend --reason "WHY"'
        )
    if any(f"{name}{UNIVERSES}" in golden and f"{name}{UNIVERSES}" not in found for name in shared):
        raise SemphaseError(
            f"the run {run} judged {own.id} in no universe, and what its universes found is kept: add --universes, "
            'or register it with --amend --reason "WHY"'
        )


def refuse_changed(claims: Sequence[Frozen], known: Registry) -> None:
    """Raise SemphaseError for a claim that differs from its registration."""
    for own in _with(claims, known, "changed"):
        raise SemphaseError(_change(own, known))


def check_registration(claims: Sequence[Frozen], path: Path) -> list[str]:
    """What is wrong between all the claims of a folder and their registry, a sentence each; empty if nothing is."""
    known = registry.read(path)
    problems = [f"two claims have the id {name}" for name in _repeated(claims)]
    problems += [_change(own, known) for own in _with(claims, known, "changed")]
    problems += [f"{own.id} is not registered: run semphase register" for own in _with(claims, known, "unregistered")]
    return problems + [f"{name} is registered but no longer judged" for name in gone(claims, known)]


def gone(claims: Sequence[Frozen], known: Registry) -> list[str]:
    """The ids in the registry that no claim of its folder has any more."""
    return sorted(known.ids() - {own.id for own in claims})


def _with(claims: Sequence[Frozen], known: Registry, status: str) -> list[Frozen]:
    return [own for own in claims if known.registration(own).status == status]


def _is_to_amend(own: Frozen, known: Registry, found: Golden) -> bool:
    line = known.latest(own.id)
    if line is None:
        return False
    return line.code is None or not (holds_rule(line, own) and holds_code(line, own)) or differs(line.golden, found)


def _change(own: Frozen, known: Registry) -> str:
    line = known.latest(own.id)
    assert line is not None
    if holds_rule(line, own):
        return (
            f"the code of {own.id} differs from its registration of {line.day}: show with --run REPORT that it finds the "
            'same, give it a new id, or register it again with --amend --reason "WHY"'
        )
    return (
        f"{own.id} differs from its registration of {line.day}: give it a new id, "
        'or register it again with --amend --reason "WHY"'
    )


def _refuse_repeats(claims: Sequence[Frozen]) -> None:
    for name in _repeated(claims):
        raise SemphaseError(f"two claims have the id {name}: give one of them another")


def _repeated(claims: Sequence[Frozen]) -> list[str]:
    return sorted(name for name, count in Counter(own.id for own in claims).items() if count > 1)


def _now() -> datetime:
    return datetime.now(UTC)
