"""What a claim needs of a study, and which of it a study lacks."""

from __future__ import annotations

from typing import Any

from semphase.study.unread import Unread
from semphase.verdict import Claim


def lacks(claim: Claim, study: Any) -> str:
    """What the study lacks of the claim's needs, in different models, layers, heads or words; empty if nothing."""
    if not claim.needs.model:
        return ""
    if alike := repeated(study):
        return f"compares models, and {alike}"
    offers = (
        ("models", len(study.models), max(claim.needs.models, len(claim.models))),
        ("layers", min((model.layers for model in study.models), default=0), claim.needs.layers),
        ("attention heads", min((model.layers * model.heads for model in study.models), default=0), claim.needs.heads),
        ("words", _words(study, claim.needs.words), claim.needs.words),
    )
    short = ((what, there, needed) for what, there, needed in offers if there < needed)
    return next((f"needs {needed} {what}, the study has {there}" for what, there, needed in short), "")


def _words(study: Any, needed: int) -> int:
    """The words of the study's lexicon; as many as are needed where it cannot be read and the claim asks for no number."""
    if not study.models:
        return 0
    return needed if needed <= 1 and isinstance(study.lexicon, Unread) else len(study.lexicon.words)


def repeated(study: Any) -> str:
    """Which two of a study's models are one; empty where they all differ."""
    twins = study.twins if len(study.models) > 1 else None
    return f"{' and '.join(twins)} hold the same weights" if twins else ""
