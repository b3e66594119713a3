"""How many parameters the context-vector fixed-point model trains, counted from its architecture.

Context layer: c ← LayerNorm(c + ReLU(W[c; e])), e being the last input tokens. Token layer: t ← LayerNorm(P t +
ReLU(W[c; t])), t starting as the same tokens and narrowing in equal steps to the width of the embedding, to which the
head is tied; P is the identity where the width stays. W and P have biases, the norm a gain and a shift. The frozen
embedding is not counted.
"""

from __future__ import annotations

from itertools import pairwise


def context_parameters(layers: int, tokens: int, embedding: int, context: int) -> int:
    """Parameters of phase 1: `layers` context layers, `tokens` embeddings fed to each."""
    return layers * (_linear(context + tokens * embedding, context) + 2 * context)


def token_parameters(layers: int, tokens: int, embedding: int, context: int) -> int:
    """Parameters of phase 2: `layers` token layers that read the context block's outputs."""
    drop = (tokens - 1) * embedding
    widths = [tokens * embedding - round(drop * layer / layers) for layer in range(layers + 1)]
    return sum(
        _linear(context + wide, narrow) + 2 * narrow + (_linear(wide, narrow) if wide != narrow else 0)
        for wide, narrow in pairwise(widths)
    )


def _linear(inputs: int, outputs: int) -> int:
    return inputs * outputs + outputs
