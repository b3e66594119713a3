"""What happens at a site, as plain data: hashable, printable, combinable in any number.

Edits at the same place happen in the order given; those at different places in the order in which a forward pass
comes by: queries, keys and values before the pattern, the pattern before the heads' outputs, and so on. Positions
beyond a prompt's end are never touched, and averages never see them.

To add a kind: a class whose `new` gives the values at a site, the function that makes it, and its name in `__all__`,
which `semphase` shows as it stands. Edits of anything but a site's values are in `semphase.measure.wiring`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from semphase.code import DERIVED, code_hash, require_plain
from semphase.errors import SemphaseError
from semphase.measure.arrays import Frozen, as_array
from semphase.measure.edit_base import AtSite, Edit, Here, Run, Values, numbers, run_of, site_of, with_directions
from semphase.measure.sites import Shape, Site, check

__all__ = ["added", "averaged", "patched", "replaced", "resampled", "set_to", "without", "zeroed"]


@dataclass(frozen=True)
class Zeroed(AtSite):
    """The values become 0; a pattern is not made to sum to 1 again."""

    def new(self, values: Values, here: Here) -> Values:  # noqa: ARG002 - all edits are asked alike
        """0."""
        return values.new_zeros(values.shape)


def zeroed(site: Site) -> Edit:
    """0 at a site."""
    return Zeroed(site_of(site))


@dataclass(frozen=True)
class Averaged(AtSite):
    """The values become their mean over all prompts and positions of a run, by layer and head.

    A pattern becomes its mean over prompts, by query and key.
    """

    over: Run

    @property
    def position_by_position(self) -> bool:
        """A pattern's mean is known for the positions of the run alone."""
        return self.site.kind != "pattern"

    def new(self, values: Values, here: Here) -> Values:
        """The mean."""
        return here.mean(self.over).expand_as(values)


def averaged(site: Site, over: Run) -> Edit:
    """The mean over all prompts and positions of a run."""
    return Averaged(site_of(site), run_of(over))


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


def resampled(site: Site, run: Run, seed: int = 0) -> Edit:
    """Values of another prompt of a run, drawn by `seed`."""
    return Resampled(site_of(site), run_of(run), seed)


@dataclass(frozen=True)
class Patched(AtSite):
    """The values become those of a run of as many prompts of equal lengths, at the same place."""

    run: Run
    within_prompt = True
    same_prompts = True

    def new(self, values: Values, here: Here) -> Values:  # noqa: ARG002
        """The other run's values."""
        return here.same(self.run)


def patched(site: Site, run: Run) -> Edit:
    """Another run's values at the same place."""
    return Patched(site_of(site), run_of(run))


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


def added(site: Site, direction: Any, scale: float = 1.0) -> Edit:
    """scale · direction added; the direction is taken as it is, not normalised."""
    return Added(with_directions(site), numbers(direction, "direction"), float(scale))


@dataclass(frozen=True)
class Without(Directed):
    """x − (x·u) u, with u the direction of length 1."""

    def new(self, values: Values, here: Here) -> Values:
        """x − (x·u) u."""
        direction = here.vector(self.direction)
        unit = direction / direction.norm(dim=-1, keepdim=True)
        return values - (values * unit).sum(dim=-1, keepdim=True) * unit


def without(site: Site, direction: Any) -> Edit:
    """A direction projected out."""
    found = numbers(direction, "direction")
    if not (np.linalg.norm(found.values, axis=-1) > 0).all():
        raise SemphaseError("a direction of length 0 cannot be projected out; give one that points somewhere.")
    return Without(with_directions(site), found)


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


def set_to(site: Site, coordinates: int | Iterable[int], value: Any) -> Edit:
    """Coordinates set to a value: a number, or one for each coordinate."""
    chosen = tuple(np.atleast_1d(as_array(coordinates if isinstance(coordinates, int) else list(coordinates))).tolist())
    found = numbers(value, "value")
    if found.values.shape not in {(), (len(chosen),)}:
        raise SemphaseError(f"{len(chosen)} coordinates cannot be set to {found!r}; give a number, or one for each.")
    return SetTo(site_of(site), chosen, found)


@dataclass(frozen=True)
class Replaced(AtSite):
    """function(tensor [item, position, (head,) d], **arrays) gives the values, of the same shape.

    It is called with prompts of equal length, once for each layer, and sees all positions and the heads chosen; a
    pattern comes as [item, query, head, key]. What it gives counts at the site's positions.
    """

    function: Callable[..., Any]
    code: str = field(metadata=DERIVED)
    arrays: tuple[tuple[str, Frozen], ...]

    @property
    def position_by_position(self) -> bool:
        """A function may do anything with the positions that it is shown."""
        return False

    def new(self, values: Values, here: Here) -> Values:
        """The function's values."""
        return here.call(self.function, self.arrays, values)

    def __str__(self) -> str:
        told = (name if own.values.ndim else f"{name}={own.values}" for name, own in self.arrays)
        return f"replaced({', '.join([str(self.site), self.function.__name__, *told])})"


def replaced(site: Site, function: Callable[..., Any], **arrays: Any) -> Edit:
    """What a function of the values gives; it closes over nothing, so that a store can know it by its code."""
    require_plain(function, "replaced")
    named = tuple(sorted((name, Frozen.of(values)) for name, values in arrays.items()))
    return Replaced(site_of(site), function, code_hash(function), named)
