"""What a report must say about where a study's numbers come from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from semphase.models import Model, mantissa_bits

if TYPE_CHECKING:
    from semphase.study.study import Study


def provenance(studies: Sequence[Study]) -> dict[str, Any]:
    """Models, corpus, lexicon, device, precision and notices, in the report's form; nulls without a study."""
    if not studies:
        return dict.fromkeys(("corpus", "lexicon", "device", "precision")) | {"models": [], "notices": []}
    first = studies[0]
    return {
        "models": [described(study.model) for study in studies],
        "corpus": {
            "name": first.corpus.name,
            "sha256": first.corpus.sha256,
            "tokens": _tokens(first.model, first.corpus.text),
        },
        "lexicon": {"sha256": first.lexicon.sha256, "words": len(first.lexicon.words)},
        "device": str(first.model.device),
        "precision": {
            "dtype": str(first.model.dtype).removeprefix("torch."),
            "matmul_mantissa_bits": _mantissa_bits(first.model),
        },
        "notices": [notice for study in studies for notice in study.store.notices],
    }


def described(model: Model) -> dict[str, Any]:
    """A model as the report names it."""
    return {
        "name": model.name,
        "family": model.family,
        "layers": model.layers,
        "heads": model.heads,
        "d_model": model.d_model,
        "parameters": model.parameters,
        "sha256": model.sha256,
        "processing": model.processing,
        "prepend_bos": model.prepend_bos,
    }


@lru_cache(maxsize=8)
def _tokens(model: Model, text: str) -> int:
    return len(model.encode(text))


@lru_cache(maxsize=8)
def _mantissa_bits(model: Model) -> int:
    return mantissa_bits(model.device, model.dtype)
