"""A text cut into chunks that a model reads on their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Int

from semphase.errors import NotApplicable, SemphaseError
from semphase.models import Model
from semphase.models.model import bos_token

CHUNK = 1024
LONG_TOKEN = 12
"""Characters that nearly always hold a token; real text has four or five to one."""


def text_chunks(
    model: Model, text: str, tokens: int | None, *, name: str = "the corpus", length: int | None = None
) -> Int[np.ndarray, "chunk position"]:
    """Token ids of consecutive chunks of a text, without overlap; what fills no chunk is left out.

    A chunk has 1,024 positions, fewer where the model reads fewer (001, exp10); with a BOS token in front where the
    model is read with one. `tokens` bounds the number of positions in all, None takes the whole text. Raises
    SemphaseError for a text that fills fewer than two chunks and for a length beyond the model's context.
    """
    if length is not None and length > model.context:
        raise SemphaseError(f"{model.name} reads {model.context} positions, not {length}; ask for shorter chunks.")
    size = length or chunk_length(model)
    fresh = size - model.prepend_bos
    wanted = None if tokens is None else max(2, tokens // size) * fresh
    ids = _without_bos(model, text, wanted)
    chunks = len(ids) // fresh
    if chunks < 2:
        raise SemphaseError(
            f"{name} has {len(ids)} tokens for {model.name}, and perplexity needs two chunks of {fresh}; "
            "give a longer --corpus."
        )
    body = np.asarray(ids[: chunks * fresh]).reshape(chunks, fresh)
    if not model.prepend_bos:
        return body
    return np.concatenate([np.full((chunks, 1), bos_token(model.module, model.tokenizer)), body], axis=1)


def chunk_length(model: Model) -> int:
    """Positions of a chunk: 1,024, fewer where the model reads fewer (001, exp10)."""
    return min(CHUNK, model.context)


def _without_bos(model: Model, text: str, count: int | None) -> list[int]:
    start = int(model.prepend_bos)
    if count is None:
        return model.encode(text)[start:]
    return leading_tokens(model.encode, text, count + start)[start:]


def leading_tokens(encode: Callable[[str], list[int]], text: str, count: int) -> list[int]:
    """The first `count` tokens of a text, fewer where it has no more; long texts are not encoded whole."""
    beginning = encode(text[: LONG_TOKEN * count])
    # The last one may be cut short, so one more than asked for has to be there.
    return (beginning if len(beginning) > count else encode(text))[:count]


def with_other_start(model: Model, tokens: Sequence[int]) -> tuple[int, ...]:
    """The tokens without the BOS token in front, or as many with one in front where there was none.

    Raises NotApplicable for a model that has none.
    """
    try:
        bos = bos_token(model.module, model.tokenizer)
    except SemphaseError:
        raise NotApplicable(f"{model.name} has no BOS token") from None
    return tuple(tokens[1:]) if tokens[0] == bos else (bos, *tokens[:-1])
