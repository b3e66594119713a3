"""The kinds of edit. To add one: a class here, whose `new` gives the values at a site, and a function in `edits`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from semphase.errors import SemphaseError
from semphase.measure.arrays import Frozen
from semphase.measure.edit_base import AtSite, Edit, Here, Run, Values
from semphase.measure.positions import Positions
from semphase.measure.sites import Indices, Shape, Site, check, require_indices, told_indices


@dataclass(frozen=True)
class Zeroed(AtSite):
    """The values become 0; a pattern is not made to sum to 1 again."""

    def new(self, values: Values, here: Here) -> Values:  # noqa: ARG002 - all edits are asked alike
        """0."""
        return values.new_zeros(values.shape)


@dataclass(frozen=True)
class Averaged(AtSite):
    """The values become their mean over all prompts and positions of a run, by layer and head.

    A pattern becomes its mean over prompts, by query and key.
    """

    over: Run

    def new(self, values: Values, here: Here) -> Values:
        """The mean."""
        return here.mean(self.over).expand_as(values)


@dataclass(frozen=True)
class Resampled(AtSite):
    """The values become those of another prompt of a run, the same one at all positions.

    For each prompt one is drawn by `seed` among those of the run that are at least as long, its own place left out.
    """

    run: Run
    seed: int = 0
    within_prompt = True

    def new(self, values: Values, here: Here) -> Values:  # noqa: ARG002
        """Another prompt's values."""
        return here.drawn(self.run, self.seed)


@dataclass(frozen=True)
class Patched(AtSite):
    """The values become those of a run of as many prompts of equal lengths, at the same place."""

    run: Run
    within_prompt = True

    def new(self, values: Values, here: Here) -> Values:  # noqa: ARG002
        """The other run's values."""
        return here.same(self.run)


@dataclass(frozen=True)
class Directed(AtSite):
    """An edit along a direction: one for all layers and heads, or what broadcasts to [layer, (head,) d]."""

    direction: Frozen

    def check(self, shape: Shape) -> None:
        """SemphaseError, in one sentence, where the model lacks what the edit names or has another width."""
        check(self.site, shape)
        width, given = shape.width(self.site.kind), self.direction.values.shape
        assert width is not None  # a pattern takes no direction
        full = (*self.site.grid(shape), width)
        try:
            fits = given[-1] == width and np.broadcast_shapes(given, full) == full
        except ValueError:
            fits = False
        if not fits:
            raise SemphaseError(
                f"the direction of {self} has shape {list(given)} and the site {list(full)}; give {width} components."
            )


@dataclass(frozen=True)
class Added(Directed):
    """scale · direction is added."""

    scale: float = 1.0

    def new(self, values: Values, here: Here) -> Values:
        """x + scale · direction."""
        return values + self.scale * here.vector(self.direction)


@dataclass(frozen=True)
class Without(Directed):
    """x − (x·u) u, with u the direction of length 1."""

    def new(self, values: Values, here: Here) -> Values:
        """x − (x·u) u."""
        direction = here.vector(self.direction)
        unit = direction / direction.norm(dim=-1, keepdim=True)
        return values - (values * unit).sum(dim=-1, keepdim=True) * unit


@dataclass(frozen=True)
class SetTo(AtSite):
    """Some coordinates become a value, the same or one for each; of a pattern the coordinates are keys."""

    coordinates: tuple[int, ...]
    value: Frozen

    def new(self, values: Values, here: Here) -> Values:  # noqa: ARG002
        """The same but for the coordinates."""
        made = values.clone()
        made[..., list(self.coordinates)] = values.new_tensor(self.value.values)
        return made

    def check(self, shape: Shape) -> None:
        """SemphaseError, in one sentence, where the model lacks what the edit names."""
        check(self.site, shape)
        width = shape.width(self.site.kind)
        beyond = [number for number in self.coordinates if width is not None and not 0 <= number < width]
        if beyond:
            raise SemphaseError(f"{self}: there is no coordinate {beyond[0]}; choose from 0 to {(width or 0) - 1}.")


@dataclass(frozen=True)
class Form(Edit):
    """Heads with another form of attention than softmax (`semphase.measure.changes` has the table)."""

    site: Site
    form: str


@dataclass(frozen=True)
class Skipped(Edit):
    """Blocks that pass the stream through."""

    layers: Indices

    def __str__(self) -> str:
        return f"skipped({told_indices(self.layers)})"

    def check(self, shape: Shape) -> None:
        """SemphaseError, in one sentence, for blocks that the model does not have."""
        require_indices(self.layers, shape.layers, "layer", str(self), shape.name)


@dataclass(frozen=True)
class HiddenKeys(Edit):
    """Keys at some positions that the queries at some positions do not see; a query that sees none gets 0."""

    site: Site
    query: Positions
    key: Positions

    @property
    def positions(self) -> tuple[Positions, ...]:
        """Those of the queries and of the keys."""
        return self.query, self.key

    def __str__(self) -> str:
        return f"hidden_keys({str(self.site)[5:-1]}, query={self.query!r}, key={self.key!r})"


@dataclass(frozen=True)
class Keys(Edit):
    """Every layer sees the last `window` keys, its own position among them, and the `first` ones of the prompt."""

    window: int
    first: int


@dataclass(frozen=True)
class Replaced(AtSite):
    """function(tensor [item, position, (head,) d], **arrays) gives the values, of the same shape.

    It is called with prompts of equal length, once for each layer, and sees all positions and the heads chosen; a
    pattern comes as [item, query, head, key]. What it gives counts at the site's positions.
    """

    function: Callable[..., Any]
    code: str
    arrays: tuple[tuple[str, Frozen], ...]

    def new(self, values: Values, here: Here) -> Values:
        """The function's values."""
        return here.call(self.function, self.arrays, values)

    def __str__(self) -> str:
        return f"replaced({', '.join([str(self.site), self.function.__name__, *(name for name, _ in self.arrays)])})"
