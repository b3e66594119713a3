"""What a stored run found for claims as they are: outputs to compare code with that was written anew."""

from __future__ import annotations

from collections.abc import Sequence

from semphase.report.golden import golden_of
from semphase.report.schema import Document, Entry
from semphase.verdict.frozen import Frozen
from semphase.verdict.registry import Golden


def outputs_of(own: Frozen, entries: Sequence[Entry], document: Document) -> Golden:
    """The outputs in a claim's entries; none of a claim about time, or where the run judged another rule or other code."""
    found: dict[str, str] = {}
    for entry in entries:
        told = entry.get("registration", {})
        if not own.claim.timed and (told.get("rule"), told.get("code")) == (own.rule, own.code):
            found |= golden_of(entry, document["run"])
    return found
