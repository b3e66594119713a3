"""Floating point operations of one token: a multiplication and an addition count as one each.

Those of the matrix products alone: projections, MLP and unembedding do the same work for every token, attention works
for every key that a token sees. Norms, activations, softmax and the embedding's look-up are left out, as they are by
PyTorch's own counter. A token that sees n keys, itself among them, costs `fixed + per_key · n`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int
from torch import nn
from transformers.pytorch_utils import Conv1D

from semphase.models import Model


@dataclass(frozen=True, slots=True)
class Cost:
    """FLOPs of a token, and those added by every key that it sees; nan where the family's are not counted."""

    fixed: float
    per_key: float
    d_head: int = 0
    unembedding: float = 0.0

    def with_products(self, count: int) -> Cost:
        """The same with so many products of length d_head more for every key."""
        return replace(self, per_key=self.per_key + 2.0 * self.d_head * count)

    def of(self, first: Int[np.ndarray, "*#any"], tokens: Int[np.ndarray, "*#any"]) -> Float[np.ndarray, "*any"]:
        """FLOPs of `tokens` tokens one after the other, of which the first sees `first` keys."""
        seen = tokens * first + tokens * (tokens - 1) / 2
        return self.fixed * tokens + self.per_key * seen

    def of_prompt(self, tokens: Int[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
        """FLOPs of reading so many tokens from the beginning on, of which the last alone is unembedded."""
        return self.of(np.ones_like(tokens), tokens) - self.unembedding * (tokens - 1)


def cost(model: Model, softmax_heads: Iterable[int], linear_heads: Iterable[int], skipped: Iterable[int] = ()) -> Cost:
    """The cost of a model as its projections are now, with so many heads of either kind in each layer.

    A head with softmax takes a score and a weighted value of d_head for every key; a linear one adds k vᵀ to its
    state and multiplies its query with it, d_head² each, whatever the number of keys.
    """
    passed = frozenset(skipped)
    counts = list(zip(softmax_heads, linear_heads, strict=True))
    kept = [layer for layer in range(model.layers) if layer not in passed]
    weights = sum(_weights(model.anatomy.blocks[layer]) for layer in kept)
    unembedding: nn.Module = model.anatomy.unembed
    vocabulary: int = unembedding.weight.numel()  # type: ignore[operator]
    weights += vocabulary
    linear = sum(counts[layer][1] for layer in kept)
    softmax = sum(counts[layer][0] for layer in kept)
    fixed = 2.0 * weights + 4.0 * model.d_head**2 * linear
    return Cost(fixed, 4.0 * model.d_head * softmax, model.d_head, 2.0 * vocabulary)


def _weights(block: nn.Module) -> float:
    """Weights of a block's projections; nan for experts, of which each token takes others."""
    if any(weight.ndim > 2 for weight in block.parameters()):
        return float("nan")
    return sum(part.weight.numel() for part in block.modules() if isinstance(part, nn.Linear | Conv1D))
