"""Phase 1: the context block learns contexts that stay, and differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

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
from semphase.science.cvfp.model.feeding import fed_tokens
from semphase.science.cvfp.model.seeds import generator
from semphase.science.cvfp.model.stack import Pass, flat, stacked_layers, unstacked

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
    seeds: Sequence[int],
    checkpoints: Checkpoints | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> list[TrainedContexts]:
    """Phase 1 of the protocol on a stream of training tokens, for every seed; all take their steps together.

    In each iteration every token's context is computed from the last iteration's context of the token before it, the
    first token's from the last token's, with Gaussian noise on what is read. loss = (1 − w)·MSE(context, last
    context) + w·diversity, with diversity = −‖C − mean C‖_F / tokens for the contexts C of a batch. Gradients are
    summed over batches by their share of the tokens; one Adam step ends the iteration. Contexts `carried` without noise
    are made once more from what is read as it is; it is these that converge. Contexts [token, width] of two iterations
    are held, all else for a batch alone. A training ends by its own rule, whatever the others do. `advance` is told each
    iteration, and after the last those that were not needed. Goes on from the last state in `checkpoints`. Raises
    SemphaseError on divergence.
    """
    run = _Run(configuration, recipe, stream, seeds)
    if checkpoints and (found := checkpoints.read(PHASE, str(stream.table.device))):
        run.restore(*found)
    advance(run.iterations)
    while run.going:
        run.iterate()
        if checkpoints and checkpoints.due(PHASE):
            checkpoints.write(PHASE, *run.state())
        advance(1)
    advance(recipe.most - run.iterations)
    return run.trained()


class _Run:
    """Phase 1 under way: the members that still learn, and what the others ended with."""

    def __init__(self, configuration: Configuration, recipe: Recipe, stream: TokenStream, seeds: Sequence[int]) -> None:
        self.configuration, self.recipe, self.stream, self.seeds = configuration, recipe, stream, list(seeds)
        self.records = [ContextRecord() for _ in seeds]
        self.ended: dict[int, tuple[Tensor, Contexts]] = {}
        self.going = list(range(len(seeds)))
        blocks = [initial_block(configuration, seed, stream.table) for seed in seeds]
        self.block = blocks[0]
        self.adam = ClippedAdam(flat(blocks), recipe.context_rate, recipe.context_clip)
        width = configuration.context_width
        self.contexts = torch.stack([recipe.start * _normal(stream, width, seed, "start") for seed in seeds])
        self._look()

    @property
    def iterations(self) -> int:
        """How many there were."""
        return max(record.iterations for record in self.records)

    def _look(self) -> None:
        """Make the views of the parameters of those that still learn."""
        values, slopes = self.adam.values.detach(), self.adam.slopes
        self.layers = stacked_layers(self.block.layers, values, slopes)
        self.fed = fed_tokens(self.stream, len(self.going)) if self.going else None

    def iterate(self) -> None:
        """One iteration over all batches and one step; members that are at their end leave."""
        iteration = self.iterations
        noise = [generator(self.seeds[i], "noise", iteration, self.contexts.device) for i in self.going]
        fresh, terms, change = self._passed(noise)
        self.adam.step()
        self.contexts = fresh
        for i, *seen in zip(self.going, terms, change, strict=True):
            _note(self.records[i], self.recipe, self.configuration, self.stream, *seen)
        self._let_go()

    def _passed(self, noise: list[torch.Generator]) -> tuple[Tensor, Tensor, Tensor]:
        """All batches of an iteration: the new contexts, the loss's terms and each token's change, by member."""
        contexts, fed, width = self.contexts, self.fed, self.configuration.context_width
        assert fed is not None
        fresh, change = torch.empty_like(contexts), contexts.new_empty(contexts.shape[:2])
        terms = contexts.new_zeros(len(contexts), 2)
        weights = [layer.values.mix[:, :, width:] for layer in self.layers]
        tables = [fed.table(own) if own.shape[-1] else None for own in weights]
        gathered = [None if table is None else torch.zeros_like(table) for table in tables]
        for part in self.stream.parts(self.recipe.context_batch):
            seen = before(contexts, part, contexts[:, -1:])
            read = seen + self._noise(noise, seen)
            passes = []
            for layer, table in zip(self.layers, tables, strict=True):
                read, found = layer.forward(read, given=None if table is None else fed.looked_up(table, part))
                passes.append(found)
            share = (part.stop - part.start) / len(self.stream)
            own, change[:, part], slope = terms_of(read, contexts[:, part], self.recipe.diversity)
            terms.add_(own, alpha=share)
            fresh[:, part] = read
            if self.recipe.carried == "without noise":
                fresh[:, part] = self._noiseless(seen, tables, part)
                change[:, part] = (fresh[:, part] - contexts[:, part]).square().mean(dim=2)
            self._back(passes, slope.mul_(share), gathered, part)
        for layer, sums in zip(self.layers, gathered, strict=True):
            if sums is not None:
                layer.slopes.mix[:, :, width:].add_(fed.slope(sums, len(contexts)))
        return fresh, terms, change

    def _noiseless(self, read: Tensor, tables: Sequence[Tensor | None], part: slice) -> Tensor:
        """The new contexts of a part from what is read as it is."""
        assert self.fed is not None
        for layer, table in zip(self.layers, tables, strict=True):
            read, _ = layer.forward(read, given=None if table is None else self.fed.looked_up(table, part))
        return read

    def _noise(self, noise: list[torch.Generator], like: Tensor) -> Tensor:
        made = torch.empty(like.shape, dtype=like.dtype, device=like.device)
        for own, source in zip(made, noise, strict=True):
            own.normal_(0, self.recipe.noise, generator=source)
        return made

    def _back(self, passes: list[Pass], slope: Tensor, gathered: list[Tensor | None], part: slice) -> None:
        """The gradients of a batch, from the last layer to the first."""
        for number in reversed(range(len(passes))):
            layer, found, sums = self.layers[number], passes[number], gathered[number]
            summed, mixed = layer.backward(slope, found)
            if sums is not None and self.fed is not None:
                self.fed.collect(sums, mixed, part)
            if number:
                slope = layer.slope_of_x(found, summed, mixed)

    def _let_go(self) -> None:
        """Keep what ended members have, and go on with the others."""
        over = [self.records[i].reached or self.records[i].iterations >= self.recipe.most for i in self.going]
        if not any(over):
            return
        for place, i in enumerate(self.going):
            if over[place]:
                self.ended[i] = self.adam.values.detach()[place].clone(), self.contexts[place].clone()
        left = [place for place, out in enumerate(over) if not out]
        self.going = [self.going[place] for place in left]
        self.adam, self.contexts = self.adam.kept(left), self.contexts[left]
        self._look()

    def trained(self) -> list[TrainedContexts]:
        """What every member ended with."""
        made = []
        for i, seed in enumerate(self.seeds):
            row, contexts = self.ended[i]
            block = initial_block(self.configuration, seed, row)
            unstacked(block, row)
            made.append(TrainedContexts(block.requires_grad_(False), contexts, self.records[i]))
        return made

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors and facts of a checkpoint."""
        tensors = self.adam.state() | {"contexts": self.contexts}
        for i, (row, contexts) in self.ended.items():
            tensors |= {f"row.{i}": row, f"contexts.{i}": contexts}
        return tensors, {"going": self.going, "records": [asdict(record) for record in self.records]}

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.records = [ContextRecord(**record) for record in facts["records"]]
        self.going = facts["going"]
        self.ended = {
            i: (tensors[f"row.{i}"], tensors[f"contexts.{i}"])
            for i in range(len(self.seeds)) if i not in self.going
        }  # fmt: skip
        self.adam = self.adam.kept(self.going)
        if self.going:
            self.adam.restore(tensors)
        self.contexts = tensors["contexts"]
        self._look()


def _normal(stream: TokenStream, width: int, seed: int, purpose: str) -> Contexts:
    table = stream.table
    source = generator(seed, purpose, device=table.device)
    return torch.randn(len(stream), width, generator=source, dtype=table.dtype, device=table.device)


def terms_of(
    contexts: Float[Tensor, "member token width"], last: Float[Tensor, "member token width"], weight: float
) -> tuple[Float[Tensor, "member term"], Float[Tensor, "member token"], Float[Tensor, "member token width"]]:
    """The loss of a batch: its terms (MSE, diversity), each token's squared change, and its slope in the contexts.

    The slope is written out, since autograd takes twice the passes over the contexts:
    2 (1 − w) (C − C_last) / (tokens · width) − w (C − mean C) / (‖C − mean C‖_F · tokens).
    """
    _, tokens, width = contexts.shape
    off, apart = contexts - last, contexts - contexts.mean(dim=1, keepdim=True)
    change = torch.linalg.vector_norm(off, dim=2).square_().div_(width)
    spread = torch.linalg.vector_norm(apart, dim=(1, 2))
    terms = torch.stack([change.mean(dim=1), -spread / tokens], dim=1)
    pull = weight / (tokens * spread.clamp_min(torch.finfo(spread.dtype).tiny))
    return terms, change, off.mul_(2 * (1 - weight) / (tokens * width)).sub_(apart.mul_(pull[:, None, None]))


def _note(
    record: ContextRecord,
    recipe: Recipe,
    configuration: Configuration,
    stream: TokenStream,
    terms: Float[Tensor, " term"],
    change: Float[Tensor, " token"],
) -> None:
    """Write an iteration down: the only place where phase 1 waits for the device."""
    near = stream.by_document((change < recipe.converged).to(torch.float32)).mean(dim=1)
    *shares, fixed, spread = torch.cat([near, terms.to(near.dtype)]).tolist()
    if not fixed + spread < float("inf"):
        raise SemphaseError(
            f"{PHASE} of {configuration.name} diverged in iteration {record.iterations + 1}: the loss is no "
            "number; lower context_rate, or look at the embedding."
        )
    record.losses.append([fixed, spread])
    record.converged.append(shares)
    record.reached = record.iterations >= recipe.fewest and sum(shares) / len(shares) >= recipe.share
