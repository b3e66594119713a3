"""Phase 1: the context block learns contexts that stay, and differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from semphase.errors import SemphaseError
from semphase.science.cvfp.model.adam import ClippedAdam
from semphase.science.cvfp.model.architecture import ContextBlock
from semphase.science.cvfp.model.checkpoint import Checkpoints
from semphase.science.cvfp.model.configuration import Configuration, Recipe
from semphase.science.cvfp.model.contexts import Contexts, before
from semphase.science.cvfp.model.embedding import TokenStream
from semphase.science.cvfp.model.seeds import generator

PHASE = "phase 1"


@dataclass(slots=True)
class ContextRecord:
    """What each iteration gave: the two terms of its loss and the converged share of each document's tokens."""

    losses: list[list[float]] = field(default_factory=list)
    converged: list[list[float]] = field(default_factory=list)
    reached: bool = False

    @property
    def iterations(self) -> int:
        """How many there were."""
        return len(self.losses)


@dataclass(frozen=True, slots=True, eq=False)
class TrainedContexts:
    """A trained context block, the contexts [token, width] of its last iteration, and the record."""

    block: ContextBlock
    contexts: Contexts
    record: ContextRecord


def initial_block(configuration: Configuration, seed: int, like: Tensor) -> ContextBlock:
    """The context block before any training, on the device and in the dtype of a tensor."""
    return ContextBlock(configuration, generator(seed, "context block")).to(like)


def train_contexts(
    configuration: Configuration,
    recipe: Recipe,
    stream: TokenStream,
    *,
    seed: int,
    checkpoints: Checkpoints | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> TrainedContexts:
    """Phase 1 of the protocol on a stream of training tokens.

    In each iteration every token's context is computed from the last iteration's context of the token before it, the
    first token's from the last token's, with Gaussian noise on what is read. loss = (1 − w)·MSE(context, last
    context) + w·diversity, with diversity = −‖C − mean C‖_F / tokens for the contexts C of a batch. Gradients are
    summed over batches by their share of the tokens; one Adam step ends the iteration. Contexts [token, width] of two
    iterations are held, all else for a batch alone. `advance` is told each iteration, and after the last those that
    were not needed. Goes on from the last iteration in `checkpoints`. Raises SemphaseError on divergence.
    """
    block = initial_block(configuration, seed, stream.table)
    adam = ClippedAdam(block, recipe.context_rate, recipe.context_clip)
    contexts, record = _begun(configuration, recipe, stream, seed, adam, checkpoints)
    advance(record.iterations)
    while not record.reached and record.iterations < recipe.most:
        contexts = _iteration(block, adam, recipe, stream, contexts, record, seed)
        if checkpoints:
            checkpoints.write(PHASE, adam.state() | {"contexts": contexts}, _facts(record))
        advance(1)
    advance(recipe.most - record.iterations)
    return TrainedContexts(block.requires_grad_(False), contexts, record)


def _begun(
    configuration: Configuration,
    recipe: Recipe,
    stream: TokenStream,
    seed: int,
    adam: ClippedAdam,
    checkpoints: Checkpoints | None,
) -> tuple[Contexts, ContextRecord]:
    found = checkpoints.read(PHASE, str(stream.table.device)) if checkpoints else None
    if found is None:
        return recipe.start * _normal(stream, len(stream), configuration.context_width, seed, "start"), ContextRecord()
    tensors, facts = found
    adam.restore(tensors)
    return tensors["contexts"], ContextRecord(**facts)


def _facts(record: ContextRecord) -> dict[str, object]:
    return {"losses": record.losses, "converged": record.converged, "reached": record.reached}


def _normal(stream: TokenStream, tokens: int, width: int, seed: int, purpose: str) -> Contexts:
    table = stream.table
    source = generator(seed, purpose, device=table.device)
    return torch.randn(tokens, width, generator=source, dtype=table.dtype, device=table.device)


def _iteration(
    block: ContextBlock,
    adam: ClippedAdam,
    recipe: Recipe,
    stream: TokenStream,
    contexts: Contexts,
    record: ContextRecord,
    seed: int,
) -> Contexts:
    """One iteration over all batches and one step; the new contexts."""
    noise = generator(seed, "noise", record.iterations, contexts.device)
    fresh, change = torch.empty_like(contexts), contexts.new_empty(len(contexts))
    terms = contexts.new_zeros(2)
    for part in stream.parts(recipe.context_batch):
        read = before(contexts, part, contexts[-1:])
        read = read + torch.empty_like(read).normal_(0, recipe.noise, generator=noise)
        made = block(read, stream.inputs(part))[-1]
        own, change[part], slope = terms_of(made.detach(), contexts[part], recipe.diversity)
        share = len(made) / len(contexts)
        made.backward(slope.mul_(share))
        terms.add_(own, alpha=share)
        fresh[part] = made.detach()
    adam.step()
    _note(record, recipe, block, stream, terms, change)
    return fresh


def terms_of(
    contexts: Contexts, last: Contexts, weight: float
) -> tuple[Float[Tensor, " term"], Float[Tensor, " token"], Contexts]:
    """The loss of a batch: its terms (MSE, diversity), each token's squared change, and its slope in the contexts.

    The slope is written out, since autograd takes twice the passes over the contexts:
    2 (1 − w) (C − C_last) / (tokens · width) − w (C − mean C) / (‖C − mean C‖_F · tokens).
    """
    tokens, width = contexts.shape
    off, apart = contexts - last, contexts - contexts.mean(dim=0)
    change = torch.linalg.vector_norm(off, dim=1).square_().div_(width)
    spread = torch.linalg.vector_norm(apart)
    terms = torch.stack([change.mean(), -spread / tokens])
    pull = weight / (tokens * spread.clamp_min(torch.finfo(spread.dtype).tiny))
    return terms, change, off.mul_(2 * (1 - weight) / (tokens * width)).addcmul_(apart, pull, value=-1)


def _note(
    record: ContextRecord,
    recipe: Recipe,
    block: ContextBlock,
    stream: TokenStream,
    terms: Float[Tensor, " term"],
    change: Float[Tensor, " token"],
) -> None:
    """Write an iteration down: the only place where phase 1 waits for the device."""
    near = stream.by_document((change < recipe.converged).to(torch.float32)).mean(dim=1)
    *shares, fixed, spread = torch.cat([near, terms.to(near.dtype)]).tolist()
    if not fixed + spread < float("inf"):
        raise SemphaseError(
            f"{PHASE} of {block.configuration.name} diverged in iteration {record.iterations + 1}: the loss is no "
            "number; lower context_rate, or look at the embedding."
        )
    record.losses.append([fixed, spread])
    record.converged.append(shares)
    record.reached = record.iterations >= recipe.fewest and sum(shares) / len(shares) >= recipe.share
