"""Grids of CVFP trainings, and what is measured of one: numbers by layers, input tokens and size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from typing import Any, Literal

import numpy as np
import xarray as xr
from jaxtyping import Float

from semphase.errors import NotApplicable
from semphase.science.cvfp.model import Configuration, Recipe
from semphase.science.cvfp.model.configuration import Kind, TokenInput
from semphase.science.cvfp.power_laws import (
    PowerLaws,
    Saturation,
    power_laws,
    saturation,
    unlogged_power_laws,
)
from semphase.science.cvfp.trainings import (
    AS_IT_IS,
    EXPONENTIAL,
    Jackknifed,
    Scale,
    in_groups,
    iterations_needed,
    of_seeds,
    of_seeds_alone,
    per_token,
)
from semphase.stats.left_out import REAL_LINE

Split = Literal["training", "validation"]
Text = Literal["as it stands", "shuffled"]
EVERY = slice(None)
RANGE = (1, 2, 3)
"""Layers and input tokens of the source's nine configurations (003)."""
OTHER: dict[Split, Split] = {"training": "validation", "validation": "training"}
FITS = {None: power_laws, "nonlinear": unlogged_power_laws}
ON_A_LINE = 2
"""Sizes that every power law goes through."""


def as_registered(_choice: str) -> None:
    """No choice of a universe."""


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

    `length` is the tokens of a document; `choice` tells what a universe chose under a name, of how numbers are made of
    the same trainings.
    """

    grid: Grid
    found: Sequence[xr.Dataset]
    length: int
    choice: Callable[[str], Any] = as_registered

    def at_sizes(self, kept: slice) -> Measured:
        """The trainings at some of the sizes; NotApplicable where none is left."""
        sizes = self.grid.sizes[kept]
        if not sizes:
            raise NotApplicable("it was trained at a single size")
        *_, count, seeds = self.grid.shape
        chosen = [own for i, own in enumerate(self.found) if self.grid.sizes[i // seeds % count] in sizes]
        return replace(self, grid=replace(self.grid, sizes=sizes), found=chosen)

    @property
    def tokens(self) -> np.ndarray:
        """Training tokens of each size."""
        return np.array(self.grid.sizes) * self.length

    @cached_property
    def log_ppl(self) -> Jackknifed:
        """Log of validation perplexity."""
        if self.choice("epoch") == "last":
            return of_seeds_alone(self._of_epochs("validation", lambda _: -1))
        return per_token(self._array("validation_nats"), self._array("validation_predicted"), self._over_seeds)

    @cached_property
    def log_ppl_in_groups(self) -> Jackknifed:
        """The same, of the groups of documents that ranks are measured without."""
        groups = self._array("rank_left_out", split="validation").shape[-1]
        nats, predicted = (in_groups(self._array(f"validation_{name}"), groups) for name in ("nats", "predicted"))
        return per_token(nats, predicted, self._over_seeds)

    def accuracy(self, half: slice = EVERY) -> Jackknifed:
        """Share of validation tokens that are predicted right, of a part of the documents."""
        return self._validation("correct", half)

    @cached_property
    def training_log_ppl(self) -> Jackknifed:
        """Log of training perplexity at the largest size, [layers, tokens]."""
        if self.choice("epoch") == "while training":
            return of_seeds_alone(self._of_epochs("training", lambda own: own.attrs["best_epoch"])[..., -1, :])
        if self.choice("epoch") == "last":
            return of_seeds_alone(self._of_epochs("training", lambda _: -1)[..., -1, :])
        return per_token(self._largest("training_nats"), self._largest("training_predicted"), self._over_seeds)

    @cached_property
    def laws(self) -> PowerLaws:
        """The power law of every configuration, [layers, tokens]."""
        return self.fitted(self.log_ppl.point)

    def law(self, part: Literal["alpha", "log_a", "r2"]) -> Jackknifed:
        """One number of the power laws, [layers, tokens]."""
        return self.log_ppl.of(lambda values: getattr(self.fitted(values), part))

    def fitted(self, log_ppl: Float[np.ndarray, "*cell size"]) -> PowerLaws:
        """Power laws of log perplexities; NotApplicable where a universe leaves no more sizes than a line goes through."""
        if self.choice("sizes") and len(self.grid.sizes) <= ON_A_LINE:
            raise NotApplicable(f"a power law goes through any {ON_A_LINE} sizes, and no more are left")
        return FITS[self.choice("fit")](self.tokens, log_ppl)

    def saturations(self) -> dict[str, Saturation]:
        """The form with a floor beside the power law, for every configuration, all seeds as points."""
        nats, predicted = (self._array(f"validation_{name}").sum(axis=-1) for name in ("nats", "predicted"))
        logs = nats / predicted
        return {name: saturation(self.tokens, logs[at]) for name, at in self.configurations.items()}

    @cached_property
    def best(self) -> tuple[Jackknifed, Jackknifed]:
        """Log of the lowest perplexity of any size, [layers, tokens], twice: of the half that chooses, and of the other.

        The first half of the validation documents chooses the sizes, the second judges there.
        """
        first, second = (self._validation("nats", half) for half in self.halves)
        at = first.point.argmin(axis=-1)[..., None]

        def chosen(values: np.ndarray) -> np.ndarray:
            return np.take_along_axis(values, np.broadcast_to(at, (*values.shape[:-1], 1)), axis=-1)[..., 0]

        return first.of(chosen), second.of(chosen)

    @property
    def halves(self) -> tuple[slice, slice]:
        """The validation documents that choose, and those that judge."""
        half = self.found[0].sizes["validation_document"] // 2
        match self.choice("documents"):
            case "exchanged":
                return slice(half, None), slice(half)
            case "all":
                return EVERY, EVERY
            case _:
                return slice(half), slice(half, None)

    def rank(self, split: Split) -> Jackknifed:
        """Effective rank of the contexts, 0 to 1."""
        split = OTHER[split] if self.choice("contexts") == "other split" else split
        return of_seeds(*(self._array(name, split=split) for name in ("rank", "rank_left_out")))

    @cached_property
    def iterations(self) -> Float[np.ndarray, "layers tokens size seed"]:
        """Iterations of phase 1, one more than the limit where they did not converge."""
        recipe = self.grid.recipe
        made = [iterations_needed(own["converged"].values, recipe.share, recipe.fewest) for own in self.found]
        needed = np.array(made).reshape(self.grid.shape)
        return np.ceil(needed) if self.choice("iterations") == "whole" else needed

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

    def table(
        self, numbers: Jackknifed | np.ndarray, what: str = "", cut: tuple[float, float] = REAL_LINE
    ) -> dict[str, Any]:
        """Numbers of every configuration by its name: estimates, a list of them by size; arrays bare."""
        if isinstance(numbers, np.ndarray):
            return {name: numbers[at] for name, at in self.configurations.items()}
        return {name: numbers.at(at).estimates(what, cut=cut) for name, at in self.configurations.items()}

    # Arrays

    def _validation(self, sums: str, half: slice) -> Jackknifed:
        counted, predicted = (self._array(f"validation_{name}")[..., half] for name in (sums, "predicted"))
        return per_token(counted, predicted, self._over_seeds if sums == "nats" else AS_IT_IS)

    @property
    def _over_seeds(self) -> Scale:
        return EXPONENTIAL if self.choice("seeds") == "arithmetic mean" else AS_IT_IS

    def _of_epochs(
        self, split: Split, epoch: Callable[[xr.Dataset], int]
    ) -> Float[np.ndarray, "layers tokens size seed"]:
        """Log perplexity of one epoch of every training, as training noted it."""
        found = [own["epoch_perplexity"].sel(split=split).values[epoch(own)] for own in self.found]
        return np.log(found).reshape(self.grid.shape)

    def _array(self, name: str, **at: str) -> Float[np.ndarray, "layers tokens size seed ..."]:
        values = np.stack([own[name].sel(at).values for own in self.found]).astype(float)
        return values.reshape(*self.grid.shape, *values.shape[1:])

    def _largest(self, name: str) -> Float[np.ndarray, "layers tokens seed document"]:
        *cells, sizes, seeds = self.grid.shape
        chosen = [own[name].values for i, own in enumerate(self.found) if i // seeds % sizes == sizes - 1]
        return np.stack(chosen).astype(float).reshape(*cells, seeds, -1)
