"""What a report must say about where a study's numbers come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import torch

from semphase.data.corpus import Corpus
from semphase.data.lexicon import Lexicon
from semphase.models import Model, mantissa_bits
from semphase.study.unread import Unread


def provenance(
    models: Sequence[Model], corpus: Corpus, tokens: Callable[[], int], lexicon: Lexicon, notices: Sequence[str]
) -> dict[str, Any]:
    """Models, corpus of so many tokens, lexicon, device, precision and notices, in the report's form.

    Corpus or lexicon are None where they could not be read.
    """
    first = models[0]
    return {
        "models": [described(model) for model in models],
        "corpus": _corpus(corpus, tokens),
        "lexicon": _lexicon(lexicon),
        "device": str(first.device),
        "precision": {
            "dtype": str(first.dtype).removeprefix("torch."),
            "matmul_mantissa_bits": _mantissa_bits(first.device, first.dtype),
        },
        "notices": list(notices),
    }


def _corpus(corpus: Corpus, tokens: Callable[[], int]) -> dict[str, Any] | None:
    if isinstance(corpus, Unread):
        return None
    return {"name": corpus.name, "sha256": corpus.sha256, "tokens": tokens()}


def _lexicon(lexicon: Lexicon) -> dict[str, Any] | None:
    return None if isinstance(lexicon, Unread) else {"sha256": lexicon.sha256, "words": len(lexicon.words)}


def described(model: Model) -> dict[str, Any]:
    """A model as the report names it."""
    asked = {} if model.bos == "default" else {"bos": model.bos}
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
        **asked,
    }


@lru_cache(maxsize=8)
def _mantissa_bits(device: torch.device, dtype: torch.dtype) -> int:
    return mantissa_bits(device, dtype)
