"""How much of each quantity a verdict was measured on: what the study knows, and what the verdict's detail says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from semphase.data.lexicon.words import Lexicon
from semphase.verdict import Claim, Verdict
from semphase.verdict.claim import LEXICON, MEASURED_ON, TEXT


def measured_on(
    claim: Claim, origin: Mapping[str, Any] | None, study: Any, verdict: Verdict | None
) -> dict[str, float]:
    """Numbers by `QUANTITIES`; those that play no part are left out, all of them where nothing was measured.

    The words are those of the lexicon, the tokens those that the budget lets a claim on text read.
    """
    if origin is None or verdict is None or verdict.estimate is None:
        return {}
    return {**dict(_offered(claim, origin, study)), **counted(verdict)}


def counted(verdict: Verdict | None) -> dict[str, float]:
    """What the claim itself counted, which nobody checked; its judge let no other quantities and numbers pass."""
    told = verdict.detail.get(MEASURED_ON, {}) if verdict is not None else {}
    return dict(told) if isinstance(told, Mapping) else {}


def _offered(claim: Claim, origin: Mapping[str, Any], study: Any) -> Iterator[tuple[str, float]]:
    if TEXT in claim.data:
        there, limit = origin["corpus"]["tokens"], study.budget.tokens
        yield "tokens", there if limit is None else min(there, limit)
    own = [len(data.words) for data in claim.data if isinstance(data, Lexicon)]
    if LEXICON in claim.data or own:
        yield "words", own[0] if own else origin["lexicon"]["words"]
