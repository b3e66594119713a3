"""How a claim stands to its registry beside what a run found: its rule, its code, its output, and the dates of its lines."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from semphase.verdict.frozen import Frozen
from semphase.verdict.registry import (
    UNIVERSES,
    Golden,
    Line,
    Registration,
    Registry,
    agrees,
    differs,
    holds_rule,
    misdated,
)

OTHER_OUTPUT = "the output is another than the one kept"
UNSEEN_UNIVERSES = "without what its universes find"


def standing(own: Frozen, known: Registry, found: Golden, now: datetime | None = None) -> Registration:
    """The claim's registration, with what `found`, the outputs of its code as it is, says of the output that was kept.

    Another output under the same circumstances is a change, whatever the hashes say; code that changed and finds the same
    is re-implemented.
    """
    registered, line = known.registration(own), known.latest(own.id)
    remarks = [why for _, of, why in misdated(known, now or datetime.now(UTC)) if of.id == own.id]
    if line is not None and holds_rule(line, own):
        if differs(line.golden, found):
            registered, remarks = replace(registered, status="changed"), [OTHER_OUTPUT, *remarks]
        elif registered.status == "changed" and finds_the_same(line, found):
            unseen = [UNSEEN_UNIVERSES] if universes_unseen(line.golden or {}, found) else []
            registered, remarks = replace(registered, status="re-implemented"), [*unseen, *remarks]
    return replace(registered, remarks=tuple(remarks))


def finds_the_same(line: Line, found: Golden) -> bool:
    """Does code find what was kept, wherever the circumstances are the same? An old line cannot say of which code it is."""
    return line.code is not None and agrees(line.golden, found)


def universes_unseen(kept: Golden, found: Golden) -> bool:
    """Is there output of universes on one side alone, under circumstances that both sides know?"""
    shared = [name for name in found if name in kept and not name.endswith(UNIVERSES)]
    return any((f"{name}{UNIVERSES}" in kept) != (f"{name}{UNIVERSES}" in found) for name in shared)
