"""What a study lacks of a claim's needs."""

from __future__ import annotations

from typing import Any

from semphase.study.unread import Unread
from semphase.verdict import Claim


def lacks(claim: Claim, study: Any) -> str:
    """What the study lacks of the claim's needs, in different models, layers, heads or words; empty if nothing."""
    if not claim.needs.model:
        return ""
    offers = (
        ("models", len({model.sha256 for model in study.models}), max(claim.needs.models, len(claim.models))),
        ("layers", min((model.layers for model in study.models), default=0), claim.needs.layers),
        ("attention heads", min((model.layers * model.heads for model in study.models), default=0), claim.needs.heads),
        ("words", _words(study, claim.needs.words), claim.needs.words),
    )
    short = ((what, there, needed) for what, there, needed in offers if there < needed)
    return next(
        (f"needs {needed} {what}, the study has {there}{_same(study, what)}" for what, there, needed in short), ""
    )


def _words(study: Any, needed: int) -> int:
    """The words of the study's lexicon; as many as are needed where it cannot be read and the claim asks for no number."""
    if not study.models:
        return 0
    return needed if needed <= 1 and isinstance(study.lexicon, Unread) else len(study.lexicon.words)


def _same(study: Any, what: str) -> str:
    """Which of the models are one, where that is why there are too few."""
    names: dict[str, list[str]] = {}
    for model in study.models if what == "models" else ():
        names.setdefault(model.sha256, []).append(model.name)
    twins = [own for own in names.values() if len(own) > 1]
    return f": {' and '.join(twins[0])} hold the same weights" if twins else ""
