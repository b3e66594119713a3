"""Phase 2: the token block learns the next token from frozen contexts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from semphase.errors import SemphaseError
from semphase.science.cvfp.model.adam import ClippedAdam
from semphase.science.cvfp.model.architecture import ContextBlock, TokenBlock
from semphase.science.cvfp.model.checkpoint import Checkpoints
from semphase.science.cvfp.model.configuration import Configuration, Recipe
from semphase.science.cvfp.model.contexts import Contexts, outputs_of
from semphase.science.cvfp.model.cross_entropy import tied_losses, tied_losses_with_slopes
from semphase.science.cvfp.model.embedding import TokenStream
from semphase.science.cvfp.model.seeds import generator
from semphase.science.cvfp.model.stack import Pass, flat, stacked_layers, unstacked

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


KEPT = 2**29
"""Bytes of contexts and inputs that phase 2 keeps for all of its epochs; what is more is computed whenever it is read."""


class Together:
    """The readings of several members of the same tokens: [member, token, width] at a part."""

    def __init__(self, readings: Sequence[Reading]) -> None:
        self.readings, self.stream = readings, readings[0].stream
        self.ids, self.predicted = self.stream.ids, readings[0].predicted
        self._kept: dict[tuple[int, int], tuple[Tensor, list[Tensor]]] = {}
        self._room = KEPT

    def parts(self, size: int) -> list[slice]:
        """All predicted tokens, a batch at a time."""
        return self.stream.parts(size, self.predicted)

    def read(self, part: slice) -> tuple[Float[Tensor, "token input"], list[Float[Tensor, "member token width"]]]:
        """The inputs and every layer's contexts."""
        key = part.start, part.stop
        if key in self._kept:
            return self._kept[key]
        by_member = [reading.outputs(part) for reading in self.readings]
        contexts = [torch.stack(layer) for layer in zip(*by_member, strict=True)]
        found = self.stream.inputs(part), contexts
        self._room -= sum(each.nbytes for each in (found[0], *contexts))
        if self._room >= 0:
            self._kept[key] = found
        return found


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
    training: Sequence[Reading],
    validation: Sequence[Reading],
    *,
    seeds: Sequence[int],
    checkpoints: Checkpoints | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> list[TrainedTokens]:
    """Phase 2 of the protocol for every seed and its readings of the same tokens; all take their steps together.

    Next-token cross-entropy, in the order of the text, with early stopping. Everything is computed for `token_batch`
    tokens at a time. A training ends by its own rule, whatever the others do. `advance` is told each epoch, and after
    the last those that were not needed. Goes on from the last state in `checkpoints`. Raises SemphaseError on
    divergence.
    """
    run = _Run(configuration, recipe, head, (training, validation), seeds)
    if checkpoints and (found := checkpoints.read(PHASE, str(head.device))):
        run.restore(*found)
    advance(run.epochs)
    while run.going:
        run.epoch()
        if checkpoints and checkpoints.due(PHASE):
            checkpoints.write(PHASE, *run.state())
        advance(1)
    advance(recipe.epochs - run.epochs)
    return run.trained()


class _Run:
    """Phase 2 under way: the members that still learn, and each one's best epoch."""

    def __init__(
        self,
        configuration: Configuration,
        recipe: Recipe,
        head: Tensor,
        splits: tuple[Sequence[Reading], Sequence[Reading]],
        seeds: Sequence[int],
    ) -> None:
        self.configuration, self.recipe, self.head, self.seeds = configuration, recipe, head, list(seeds)
        self.splits = splits
        self.records = [EpochRecord() for _ in seeds]
        self.best: dict[int, Tensor] = {}
        self.going = list(range(len(seeds)))
        blocks = [TokenBlock(configuration, generator(seed, "token block")).to(head) for seed in seeds]
        self.block = blocks[0]
        self.adam = ClippedAdam(flat(blocks), recipe.token_rate, recipe.token_clip)
        self._look()

    @property
    def epochs(self) -> int:
        """How many there were."""
        return max(record.epochs for record in self.records)

    def _look(self) -> None:
        """Make the views of the parameters of those that still learn, and of what they read."""
        self.layers = stacked_layers(self.block.layers, self.adam.values.detach(), self.adam.slopes)
        self.readings = [Together([split[i] for i in self.going]) for split in self.splits] if self.going else []

    def epoch(self) -> None:
        """One pass of training and one of judging; members that are at their end leave."""
        training, validation = self.readings
        seen = self._learnt(training), self._judged(validation)
        for place, i in enumerate(self.going):
            record = self.records[i]
            _note(record, self.configuration, [figures[place] for figures in seen])
            if record.best == record.epochs - 1:
                self.best[i] = self.adam.values.detach()[place].clone()
        left = [place for place, i in enumerate(self.going) if not self.records[i].over(self.recipe)]
        if len(left) < len(self.going):
            self.going = [self.going[place] for place in left]
            self.adam = self.adam.kept(left)
            self._look()

    def _learnt(self, reading: Together) -> Float[Tensor, "member figure"]:
        """Mean nats and the share of tokens predicted right, as they were before each step."""
        totals = torch.zeros(len(self.going), 2, device=self.head.device)
        for part in reading.parts(self.recipe.token_batch):
            x, passes = self._forth(reading, part)
            nats, correct, slope = tied_losses_with_slopes(
                x.flatten(0, 1), self.head, self._target(reading, part), self.recipe.vocabulary_chunk
            )
            self._back(passes, slope.div_(part.stop - part.start).view_as(x))
            self.adam.step()
            totals += _sums(nats, correct, len(self.going))
        return totals / reading.predicted

    def _judged(self, reading: Together) -> Float[Tensor, "member figure"]:
        """The same without a step."""
        totals = torch.zeros(len(self.going), 2, device=self.head.device)
        for part in reading.parts(self.recipe.token_batch):
            x, _ = self._forth(reading, part)
            target = self._target(reading, part)
            found = tied_losses(x.flatten(0, 1), self.head, target, self.recipe.vocabulary_chunk)
            totals += _sums(*found, len(self.going))
        return totals / reading.predicted

    def _forth(self, reading: Together, part: slice) -> tuple[Float[Tensor, "member token d"], list[Pass]]:
        """What the tied head reads, and what the way back needs."""
        x, contexts = reading.read(part)
        passes = []
        for layer, context in zip(self.layers, contexts, strict=True):
            x, found = layer.forward(x, context)
            passes.append(found)
        return x, passes

    def _back(self, passes: list[Pass], slope: Tensor) -> None:
        """The gradients of a batch, from the last layer to the first."""
        for number in reversed(range(len(passes))):
            layer, found = self.layers[number], passes[number]
            summed, mixed = layer.backward(slope, found)
            if number:
                slope = layer.slope_of_x(found, summed, mixed)

    def _target(self, reading: Together, part: slice) -> Int[Tensor, " token"]:
        """The token after each one of a part, for every member."""
        return reading.ids[part.start + 1 : part.stop + 1].repeat(len(self.going))

    def trained(self) -> list[TrainedTokens]:
        """The best block of every member."""
        made = []
        for i, seed in enumerate(self.seeds):
            block = TokenBlock(self.configuration, generator(seed, "token block")).to(self.head)
            unstacked(block, self.best[i])
            made.append(TrainedTokens(block.requires_grad_(False), self.records[i]))
        return made

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors and facts of a checkpoint."""
        tensors = self.adam.state() | {f"best.{i}": row for i, row in self.best.items()}
        return tensors, {"going": self.going, "records": [asdict(record) for record in self.records]}

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.records = [EpochRecord(**record) for record in facts["records"]]
        self.going = facts["going"]
        self.best = {i: tensors[f"best.{i}"] for i in range(len(self.seeds))}
        self.adam = self.adam.kept(self.going)
        if self.going:
            self.adam.restore(tensors)
        self._look()


def _sums(nats: Tensor, correct: Tensor, members: int) -> Float[Tensor, "member figure"]:
    """Nats and right predictions of each member, summed."""
    return torch.stack([nats, correct.to(nats.dtype)]).view(2, members, -1).sum(dim=2).T


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
