"""Grids of CVFP trainings, and what is measured of one: numbers by layers, input tokens and size, with draws."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from typing import Any, Literal

import numpy as np
import xarray as xr
from jaxtyping import Float

from semphase.science.cvfp.model import Configuration, Recipe
from semphase.science.cvfp.model.configuration import Kind, TokenInput
from semphase.science.cvfp.power_laws import PowerLaws, Saturation, power_laws, saturation
from semphase.science.cvfp.trainings import (
    Drawn,
    document_weights,
    iterations_needed,
    jackknifed,
    over_seeds,
    per_token,
    seed_weights,
)

Split = Literal["training", "validation"]
Text = Literal["as it stands", "shuffled"]
RANGE = (1, 2, 3)
"""Layers and input tokens of the source's nine configurations (003)."""


@dataclass(frozen=True, slots=True)
class Training:
    """All that tells one training of a study from another; `text` is what is done to the training documents."""

    configuration: Configuration
    documents: int
    seed: int
    recipe: Recipe
    kind: Kind
    text: Text


def differing_in_seed(trainings: Sequence[Training]) -> list[tuple[Training, ...]]:
    """Trainings sorted into those that could take their steps together, in the order of the first of each."""
    stacks: dict[Training, list[Training]] = {}
    for own in trainings:
        stacks.setdefault(replace(own, seed=0), []).append(own)
    return [tuple(stack) for stack in stacks.values()]


@dataclass(frozen=True, slots=True)
class Grid:
    """Trainings of every number of layers and input tokens at every size, with several seeds.

    `width` is the context's as a multiple of the embedding's.
    """

    name: str
    sizes: tuple[int, ...]
    seeds: tuple[int, ...]
    layers: tuple[int, ...] = RANGE
    tokens: tuple[int, ...] = RANGE
    width: int = 1
    token_input: TokenInput = "every"  # noqa: S105 - a token of text
    recipe: Recipe = field(default_factory=Recipe)
    kind: Kind = "fixed-point"
    text: Text = "as it stands"

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Layers, tokens, sizes, seeds."""
        return len(self.layers), len(self.tokens), len(self.sizes), len(self.seeds)

    def trainings(self, d: int) -> list[Training]:
        """All of them on an embedding d wide, in the order of `shape`."""
        every = product(self.layers, self.tokens, self.sizes, self.seeds)
        return [
            Training(
                Configuration(layers, tokens, d, self.width * d, self.token_input),
                size, seed, self.recipe, self.kind, self.text,
            )
            for layers, tokens, size, seed in every
        ]  # fmt: skip


@dataclass(eq=False)
class Measured:
    """What the trainings of a grid gave. Arrays are [layers, tokens, size], or without size at the largest one.

    `length` is the tokens of a document, `rng` a generator for each purpose: that of the documents is the same for all
    grids of a study, so that comparisons between them are paired too.
    """

    grid: Grid
    found: Sequence[xr.Dataset]
    length: int
    draws: int
    rng: Callable[[str], np.random.Generator]

    @property
    def tokens(self) -> np.ndarray:
        """Training tokens of each size."""
        return np.array(self.grid.sizes) * self.length

    @cached_property
    def log_ppl(self) -> Drawn:
        """Log of validation perplexity."""
        return self._per_token("validation_nats", "validation")

    @cached_property
    def accuracy(self) -> Drawn:
        """Share of validation tokens that are predicted right."""
        return self._per_token("validation_correct", "validation")

    @cached_property
    def training_log_ppl(self) -> Drawn:
        """Log of training perplexity at the largest size, [layers, tokens]."""
        nats, predicted = (self._largest(f"training_{name}") for name in ("nats", "predicted"))
        weights = self._weights("training documents", nats.shape[-1])
        return per_token(nats, predicted, weights, self._seeds[:, :, :, 0], what="training documents")

    @cached_property
    def laws(self) -> PowerLaws:
        """The power law of every configuration, [layers, tokens]."""
        return power_laws(self.tokens, self.log_ppl.point)

    def law(self, part: Literal["alpha", "log_a", "r2"]) -> Drawn:
        """One number of the power laws, [layers, tokens]."""
        return self.log_ppl.of(lambda values: getattr(power_laws(self.tokens, values), part))

    def saturations(self) -> dict[str, Saturation]:
        """The form with a floor beside the power law, for every configuration, all seeds as points."""
        nats, predicted = (self._array(f"validation_{name}").sum(axis=-1) for name in ("nats", "predicted"))
        logs = nats / predicted
        return {name: saturation(self.tokens, logs[at]) for name, at in self.configurations.items()}

    @cached_property
    def best(self) -> Drawn:
        """Log of the lowest perplexity of any size, [layers, tokens]."""
        return self.log_ppl.of(lambda values: values.min(axis=-1))

    def rank(self, split: Split) -> Drawn:
        """Effective rank of the contexts, 0 to 1."""
        values, left_out = (self._array(name, split=split) for name in ("rank", "rank_left_out"))
        return jackknifed(values, left_out, self._weights("groups", left_out.shape[-1]), self._seeds)

    @cached_property
    def iterations(self) -> Drawn:
        """Iterations of phase 1, one more than the limit where they did not converge, averaged over seeds."""
        return over_seeds(self.iterations_of_seeds.point, self.iterations_of_seeds.draws, self._seeds)

    @cached_property
    def iterations_of_seeds(self) -> Drawn:
        """The same for every seed, [layers, tokens, size, seed]; training documents resampled, trainings as they were."""
        recipe = self.grid.recipe
        made = []
        for own in self.found:
            converged = own["converged"].values
            weights = np.concatenate([np.ones((1, converged.shape[1])), self._by_size(converged.shape[1])])
            made.append(iterations_needed(converged, weights, recipe.share, recipe.fewest))
        every = np.stack(made, axis=-1).reshape(-1, *self.grid.shape).astype(float)
        what = "bootstrap over training documents, trainings as they were, every seed counted"
        return Drawn(every[0], every[1:], self.grid.shape[-1], what)

    @property
    def epochs(self) -> np.ndarray:
        """Epochs of phase 2, [layers, tokens, size, seed]."""
        return np.array([own.attrs["epochs"] for own in self.found]).reshape(self.grid.shape)

    def at_largest(self, cell: tuple[int, int]) -> list[xr.Dataset]:
        """The trainings of one configuration at the largest size, one for each seed."""
        first = int(np.ravel_multi_index((*cell, self.grid.shape[2] - 1, 0), self.grid.shape))
        return list(self.found[first : first + self.grid.shape[3]])

    @property
    def last_shares(self) -> np.ndarray:
        """Share of training tokens that had converged in the last iteration, [layers, tokens, size, seed]."""
        return np.array([own["converged"].values[-1].mean() for own in self.found]).reshape(self.grid.shape)

    @property
    def configurations(self) -> dict[str, tuple[int, int]]:
        """The place of every configuration in the grid by its name."""
        every = product(enumerate(self.grid.layers), enumerate(self.grid.tokens))
        return {f"{layers}L {tokens}tok": (i, j) for (i, layers), (j, tokens) in every}

    def table(self, numbers: Drawn | np.ndarray) -> dict[str, Any]:
        """Numbers of every configuration by its name: estimates of drawn ones, a list of them by size; arrays bare."""
        if isinstance(numbers, np.ndarray):
            return {name: numbers[at] for name, at in self.configurations.items()}
        return {name: numbers.at(at).estimates() for name, at in self.configurations.items()}

    # Arrays and weights

    def _per_token(self, sums: str, split: Split) -> Drawn:
        sums_of, predicted = self._array(sums), self._array(f"{split}_predicted")
        return per_token(sums_of, predicted, self._weights(f"{split} documents", sums_of.shape[-1]), self._seeds)

    def _array(self, name: str, **at: str) -> Float[np.ndarray, "layers tokens size seed ..."]:
        values = np.stack([own[name].sel(at).values for own in self.found]).astype(float)
        return values.reshape(*self.grid.shape, *values.shape[1:])

    def _largest(self, name: str) -> Float[np.ndarray, "layers tokens seed document"]:
        *cells, sizes, seeds = self.grid.shape
        chosen = [own[name].values for i, own in enumerate(self.found) if i // seeds % sizes == sizes - 1]
        return np.stack(chosen).astype(float).reshape(*cells, seeds, -1)

    @cached_property
    def _seeds(self) -> Float[np.ndarray, "draw layers tokens 1 seed"]:
        layers, tokens, _, seeds = self.grid.shape
        return seed_weights(self.draws, (layers, tokens, 1), seeds, self.rng(f"seeds of {self.grid.name}"))

    def _weights(self, purpose: str, units: int) -> Float[np.ndarray, "draw unit"]:
        return document_weights(self.draws, units, self.rng(f"{units} {purpose}"))

    def _by_size(self, documents: int) -> Float[np.ndarray, "draw document"]:
        return self._weights("training documents", documents)
