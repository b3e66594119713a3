"""Phase 2: the token block learns the next token from frozen contexts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from semphase.errors import SemphaseError
from semphase.science.cvfp.model.adam import ClippedAdam
from semphase.science.cvfp.model.architecture import ContextBlock, TokenBlock
from semphase.science.cvfp.model.checkpoint import Checkpoints
from semphase.science.cvfp.model.configuration import Configuration, Recipe
from semphase.science.cvfp.model.contexts import Contexts, outputs_of
from semphase.science.cvfp.model.cross_entropy import tied_losses
from semphase.science.cvfp.model.embedding import TokenStream
from semphase.science.cvfp.model.seeds import generator

PHASE = "phase 2"
Outputs = Callable[[slice], Sequence[Contexts]]


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What phase 2 reads of one split: the tokens, and the context block's layer outputs at a part of them."""

    stream: TokenStream
    outputs: Outputs

    @property
    def predicted(self) -> int:
        """Every token but the last predicts the next one, across documents as within them."""
        return len(self.stream) - 1


def with_contexts(block: ContextBlock, stream: TokenStream, contexts: Contexts) -> Reading:
    """Token t sees the context of t − 1, the first one zeros; outputs are computed when they are read, never kept."""

    def outputs(part: slice) -> Sequence[Contexts]:
        with torch.no_grad():
            return outputs_of(block, stream, contexts, part)

    return Reading(stream, outputs)


def without_contexts(configuration: Configuration, stream: TokenStream) -> Reading:
    """Zeros wherever the token block reads a context."""
    zero = stream.table.new_zeros(1, configuration.context_width)
    return Reading(stream, lambda part: [zero.expand(part.stop - part.start, -1)] * configuration.layers)


@dataclass(slots=True)
class EpochRecord:
    """Perplexity and accuracy of each epoch, [training, validation]; training's run along with its steps."""

    perplexity: list[list[float]] = field(default_factory=list)
    accuracy: list[list[float]] = field(default_factory=list)

    @property
    def epochs(self) -> int:
        """How many there were."""
        return len(self.perplexity)

    @property
    def best(self) -> int:
        """The epoch with the lowest validation perplexity."""
        values = [validation for _, validation in self.perplexity]
        return values.index(min(values))

    def over(self, recipe: Recipe) -> bool:
        """Whether the patience or the epochs are at an end."""
        return self.epochs >= recipe.epochs or (self.epochs > 0 and self.epochs - 1 - self.best >= recipe.patience)


@dataclass(frozen=True, slots=True, eq=False)
class TrainedTokens:
    """The token block with the parameters of its best epoch, and the record."""

    block: TokenBlock
    record: EpochRecord


def train_tokens(
    configuration: Configuration,
    recipe: Recipe,
    head: Float[Tensor, "type d"],
    training: Reading,
    validation: Reading,
    *,
    seed: int,
    checkpoints: Checkpoints | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> TrainedTokens:
    """Phase 2 of the protocol: next-token cross-entropy, in the order of the text, with early stopping.

    Everything is computed for `token_batch` tokens at a time. `advance` is told each epoch, and after the last those
    that were not needed. Goes on from the last epoch in `checkpoints`. Raises SemphaseError on divergence.
    """
    block = TokenBlock(configuration, generator(seed, "token block")).to(head)
    adam = ClippedAdam(block, recipe.token_rate, recipe.token_clip)
    best, record = _begun(adam, head, checkpoints)
    advance(record.epochs)
    while not record.over(recipe):
        seen = (_epoch(block, adam, recipe, head, training), _judged(block, recipe, head, validation))
        _note(record, configuration, seen)
        if record.best == record.epochs - 1:
            best = {f"best.{name}": value.detach().clone() for name, value in block.state_dict().items()}
        if checkpoints:
            facts = {"perplexity": record.perplexity, "accuracy": record.accuracy}
            checkpoints.write(PHASE, adam.state() | best, facts)
        advance(1)
    advance(recipe.epochs - record.epochs)
    block.load_state_dict({name.removeprefix("best."): value for name, value in best.items()})
    return TrainedTokens(block.requires_grad_(False), record)


def _begun(adam: ClippedAdam, head: Tensor, checkpoints: Checkpoints | None) -> tuple[dict[str, Tensor], EpochRecord]:
    found = checkpoints.read(PHASE, str(head.device)) if checkpoints else None
    if found is None:
        return {}, EpochRecord()
    tensors, facts = found
    adam.restore(tensors)
    return {name: value for name, value in tensors.items() if name.startswith("best.")}, EpochRecord(**facts)


def _epoch(
    block: TokenBlock, adam: ClippedAdam, recipe: Recipe, head: Tensor, reading: Reading
) -> Float[Tensor, " figure"]:
    """One pass of training; mean nats and the share of tokens predicted right, as they were before each step."""
    totals = torch.zeros(2, device=head.device)
    for part in reading.stream.parts(recipe.token_batch, reading.predicted):
        nats, correct = predictions(block, recipe, head, reading, part)
        nats.mean().backward()
        adam.step()
        totals += torch.stack([nats.detach().sum(), correct.sum()])
    return totals / reading.predicted


@torch.no_grad()
def _judged(block: TokenBlock, recipe: Recipe, head: Tensor, reading: Reading) -> Float[Tensor, " figure"]:
    """Mean nats and the share of tokens predicted right, without a step."""
    nats, correct = every_prediction(block, recipe, head, reading)
    return torch.stack([nats.mean(), correct.to(nats.dtype).mean()])


def predictions(
    block: TokenBlock, recipe: Recipe, head: Tensor, reading: Reading, part: slice
) -> tuple[Float[Tensor, " token"], Bool[Tensor, " token"]]:
    """Nats of the token after each one of a part, and whether it was the likeliest."""
    stream = reading.stream
    read = block(reading.outputs(part), stream.inputs(part))
    return tied_losses(read, head, stream.ids[part.start + 1 : part.stop + 1], recipe.vocabulary_chunk)


@torch.no_grad()
def every_prediction(
    block: TokenBlock, recipe: Recipe, head: Tensor, reading: Reading
) -> tuple[Float[Tensor, " token"], Bool[Tensor, " token"]]:
    """The same for all tokens but the last, a batch at a time."""
    parts = reading.stream.parts(recipe.token_batch, reading.predicted)
    nats, correct = zip(*[predictions(block, recipe, head, reading, part) for part in parts], strict=True)
    return torch.cat(nats), torch.cat(correct)


def _note(record: EpochRecord, configuration: Configuration, seen: Sequence[Float[Tensor, " figure"]]) -> None:
    """Write an epoch down: the only place where phase 2 waits for the device."""
    nats, correct = torch.stack(list(seen)).T.tolist()
    if not max(nats) < math.inf or math.isnan(sum(nats)):
        raise SemphaseError(
            f"{PHASE} of {configuration.name} diverged in epoch {record.epochs + 1}: the loss is no number; "
            "lower token_rate, or look at the embedding."
        )
    record.perplexity.append([_perplexity(each) for each in nats])
    record.accuracy.append(correct)


def _perplexity(nats: float) -> float:
    return math.exp(min(nats, 700.0))
