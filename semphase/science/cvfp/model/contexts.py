"""Contexts and layer outputs, token by token as they are defined and in parallel as they are computed.

The context of token t is the last output of the context block for the context of token t − 1 and the tokens that end
in t. Before the first token stands a context of zeros.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from semphase.science.cvfp.model.architecture import ContextBlock
from semphase.science.cvfp.model.configuration import Recipe
from semphase.science.cvfp.model.embedding import TokenStream

Contexts = Float[Tensor, "token width"]


@dataclass(frozen=True, slots=True, eq=False)
class Settled:
    """Contexts of a parallel iteration, the iterations it took, and the share of each document's tokens converged.

    `converged` is [iteration, document].
    """

    contexts: Contexts
    converged: Float[Tensor, "iteration document"]
    reached: bool


@torch.no_grad()
def sequential_contexts(block: ContextBlock, stream: TokenStream) -> Contexts:
    """The definition: one token after the other, each from the context before it."""
    context, found = _nothing(block, stream), []
    for token in range(len(stream)):
        context = block(context, stream.inputs(slice(token, token + 1)))[-1]
        found.append(context)
    return torch.cat(found)


@torch.no_grad()
def parallel_contexts(block: ContextBlock, stream: TokenStream, recipe: Recipe) -> Settled:
    """The fast form: every token at once from the last iteration's contexts, until enough of them stay.

    Iteration k makes each context from its last k tokens. The phase-1 rule ends it (`share` of the tokens changed by
    less than `converged`, at least `fewest`, at most `most` iterations), without noise; the first token sees zeros, so
    that the sequential contexts are the fixed point.
    """
    contexts, reached = _nothing(block, stream).expand(len(stream), -1), False
    shares: list[Tensor] = []
    while not reached and len(shares) < recipe.most:
        fresh, change = _iterated(block, stream, contexts, recipe.context_batch)
        contexts = fresh
        near = (change < recipe.converged).to(torch.float32)
        shares.append(stream.by_document(near).mean(dim=1))
        reached = len(shares) >= recipe.fewest and bool(near.mean() >= recipe.share)
    return Settled(contexts, torch.stack(shares), reached)


def _iterated(
    block: ContextBlock, stream: TokenStream, contexts: Contexts, size: int
) -> tuple[Contexts, Float[Tensor, " token"]]:
    """All contexts once more, and each token's mean squared change."""
    fresh, change = torch.empty(contexts.shape, dtype=contexts.dtype, device=contexts.device), []
    first = _nothing(block, stream)
    for part in stream.parts(size):
        fresh[part] = block(before(contexts, part, first), stream.inputs(part))[-1]
        change.append((fresh[part] - contexts[part]).square().mean(dim=1))
    return fresh, torch.cat(change)


def before(
    contexts: Float[Tensor, "*member token width"], part: slice, first: Float[Tensor, "*member 1 width"]
) -> Float[Tensor, "*member seen width"]:
    """The context that each token of a part sees: the one before it, `first` at the beginning of the stream."""
    if part.start:
        return contexts[..., part.start - 1 : part.stop - 1, :]
    return torch.cat([first, contexts[..., : part.stop - 1, :]], dim=-2)


def outputs_of(
    block: ContextBlock, stream: TokenStream, contexts: Contexts, part: slice
) -> list[Float[Tensor, "seen width"]]:
    """The outputs of every layer at the positions of a part, from given contexts: what phase 2 reads."""
    return block(before(contexts, part, _nothing(block, stream)), stream.inputs(part))


@torch.no_grad()
def layer_outputs_sequential(
    block: ContextBlock, stream: TokenStream, contexts: Contexts
) -> Float[Tensor, "layer token width"]:
    """All layer outputs from given contexts, one token after the other: the slow form of phase 2's cache."""
    parts = [torch.stack(outputs_of(block, stream, contexts, slice(t, t + 1))) for t in range(len(stream))]
    return torch.cat(parts, dim=1)


@torch.no_grad()
def layer_outputs_parallel(
    block: ContextBlock, stream: TokenStream, contexts: Contexts, size: int = 5000
) -> Float[Tensor, "layer token width"]:
    """The same, `size` tokens at a time: the fast form."""
    parts = [torch.stack(outputs_of(block, stream, contexts, part)) for part in stream.parts(size)]
    return torch.cat(parts, dim=1)


def _nothing(block: ContextBlock, stream: TokenStream) -> Float[Tensor, "1 width"]:
    return stream.table.new_zeros(1, block.configuration.context_width)
