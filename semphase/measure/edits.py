"""What happens at a site, as plain data: hashable, printable, combinable in any number.

Edits at the same place happen in the order given; those at different places in the order in which a forward pass
comes by: queries, keys and values before the pattern, the pattern before the heads' outputs, and so on. Positions
beyond a prompt's end are never touched, and averages never see them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from semphase.code import code_hash, require_plain
from semphase.errors import SemphaseError
from semphase.measure.arrays import Frozen, as_array
from semphase.measure.positions import ALL, Positions, identity, positions_of
from semphase.measure.sites import Indices, Shape, Site, check, head, require_indices, told_indices

if TYPE_CHECKING:
    import xarray as xr

FORM_NAMES = ("softmax", "identity", "identity-l1", "relu", "absolute", "product", "threshold")
"""The forms of attention, by the table of `semphase.measure.changes`."""


class Run(Protocol):
    """Another run, whose values an edit needs: the study's runs on prompts are such objects."""

    @property
    def identity(self) -> str:
        """The same string for runs with equal values only."""

    def read(self, site: Site) -> xr.DataArray:
        """Values at all positions, [prompt, layer, position, (head,) d], with the coordinate `length`."""


@dataclass(frozen=True)
class Edit:
    """Something that happens in a forward pass."""

    @property
    def identity(self) -> str:
        """The same string for equal edits only."""
        inside = ", ".join(f"{part.name}={_identity(getattr(self, part.name))}" for part in fields(self))
        return f"{type(self).__name__}({inside})"

    def __str__(self) -> str:
        told = (_told(getattr(self, part.name)) for part in fields(self))
        return f"{self.name}({', '.join(part for part in told if part)})"

    @property
    def name(self) -> str:
        """As the user calls it."""
        return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in type(self).__name__)[1:]

    def check(self, shape: Shape) -> None:
        """SemphaseError, in one sentence, where the model lacks what the edit names."""


@dataclass(frozen=True)
class AtSite(Edit):
    """An edit that gives the values at a site anew."""

    site: Site

    def check(self, shape: Shape) -> None:
        """SemphaseError, in one sentence, where the model lacks what the edit names."""
        check(self.site, shape)


@dataclass(frozen=True)
class Zeroed(AtSite):
    """The values become 0; a pattern is not made to sum to 1 again."""


@dataclass(frozen=True)
class Averaged(AtSite):
    """The values become their mean over all prompts and positions of a run, by layer and head.

    A pattern becomes its mean over prompts, by query and key.
    """

    over: Run


@dataclass(frozen=True)
class Resampled(AtSite):
    """The values become those of another prompt of a run, the same one at all positions.

    For each prompt one is drawn by `seed` among those of the run that are at least as long, its own place left out.
    """

    run: Run
    seed: int = 0


@dataclass(frozen=True)
class Patched(AtSite):
    """The values become those of a run of as many prompts of equal lengths, at the same place."""

    run: Run


@dataclass(frozen=True)
class Directed(AtSite):
    """An edit along a direction: one for all layers and heads, or what broadcasts to [layer, (head,) d]."""

    direction: Frozen

    def check(self, shape: Shape) -> None:
        """SemphaseError, in one sentence, where the model lacks what the edit names or has another width."""
        check(self.site, shape)
        width, given = shape.width(self.site.kind), self.direction.values.shape
        assert width is not None  # a pattern takes no direction
        chosen = self.site.chosen(shape)
        heads = {len(own) for own in chosen.values() if own}
        full = (len(chosen), *sorted(heads)[:1], width)
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


@dataclass(frozen=True)
class Without(Directed):
    """x − (x·u) u, with u the direction of length 1."""


@dataclass(frozen=True)
class SetTo(AtSite):
    """Some coordinates become a value, the same or one for each; of a pattern the coordinates are keys."""

    coordinates: tuple[int, ...]
    value: Frozen

    def check(self, shape: Shape) -> None:
        """SemphaseError, in one sentence, where the model lacks what the edit names."""
        check(self.site, shape)
        width = shape.width(self.site.kind)
        beyond = [number for number in self.coordinates if width is not None and not 0 <= number < width]
        if beyond:
            raise SemphaseError(f"{self}: there is no coordinate {beyond[0]}; choose from 0 to {(width or 0) - 1}.")


@dataclass(frozen=True)
class Form(AtSite):
    """Heads with another form of attention than softmax (`semphase.measure.changes` has the table)."""

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

    def __str__(self) -> str:
        return f"hidden_keys({str(self.site)[5:-1]}, query={self.query!r}, key={self.key!r})"

    def check(self, shape: Shape) -> None:
        """SemphaseError, in one sentence, where the model lacks what the edit names."""
        check(self.site, shape)


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

    def __str__(self) -> str:
        return f"replaced({', '.join([str(self.site), self.function.__name__, *(name for name, _ in self.arrays)])})"


def zeroed(site: Site) -> Edit:
    """0 at a site."""
    return Zeroed(_site(site))


def averaged(site: Site, over: Run) -> Edit:
    """The mean over all prompts and positions of a run."""
    return Averaged(_site(site), _run(over))


def resampled(site: Site, run: Run, seed: int = 0) -> Edit:
    """Values of another prompt of a run, drawn by `seed`."""
    return Resampled(_site(site), _run(run), seed)


def patched(site: Site, run: Run) -> Edit:
    """Another run's values at the same place."""
    return Patched(_site(site), _run(run))


def added(site: Site, direction: Any, scale: float = 1.0) -> Edit:
    """scale · direction added; the direction is taken as it is, not normalised."""
    return Added(_vectors(site), _numbers(direction, "direction"), float(scale))


def without(site: Site, direction: Any) -> Edit:
    """A direction projected out."""
    found = _numbers(direction, "direction")
    if not (np.linalg.norm(found.values, axis=-1) > 0).all():
        raise SemphaseError("a direction of length 0 cannot be projected out; give one that points somewhere.")
    return Without(_vectors(site), found)


def set_to(site: Site, coordinates: int | Iterable[int], value: Any) -> Edit:
    """Coordinates set to a value: a number, or one for each coordinate."""
    chosen = tuple(np.atleast_1d(as_array(coordinates if isinstance(coordinates, int) else list(coordinates))).tolist())
    found = _numbers(value, "value")
    if found.values.shape not in {(), (len(chosen),)}:
        raise SemphaseError(f"{len(chosen)} coordinates cannot be set to {found!r}; give a number, or one for each.")
    return SetTo(_site(site), chosen, found)


def form(site: Site, form: str) -> Edit:
    """Another form of attention in some heads."""
    if _site(site).kind != "head" or site.positions is not ALL:
        raise SemphaseError(f"a form of attention belongs to heads at all positions, not to {site}; name head(l, h).")
    if form not in FORM_NAMES:
        raise SemphaseError(f"there is no form of attention {form!r}; choose {', '.join(FORM_NAMES)}.")
    return Form(site, form)


def skipped(layers: Any) -> Edit:
    """Blocks passed by."""
    return Skipped(head(layers).layers)


def hidden_keys(layers: Any, heads: Any = ALL, *, query: Any, key: Any) -> Edit:
    """Scores masked before softmax, from the queries at some positions to the keys at others."""
    return HiddenKeys(head(layers, heads), positions_of(query), positions_of(key))


def keys(window: int, first: int = 0) -> Edit:
    """A sliding window and the first few keys, in every layer; positions are not re-indexed.

    Xiao et al. 2023 (2309.17453) re-index them inside their cache. A model's own window stays in force as well.
    """
    if window < 1 or first < 0:
        raise SemphaseError(f"keys({window}, {first}) hides every key; a window holds at least its own position.")
    return Keys(int(window), int(first))


def replaced(site: Site, function: Callable[..., Any], **arrays: Any) -> Edit:
    """What a function of the values gives; it closes over nothing, so that a store can know it by its code."""
    require_plain(function, "replaced")
    named = tuple(sorted((name, Frozen.of(values)) for name, values in arrays.items()))
    return Replaced(_site(site), function, code_hash(function), named)


def told(edits: Iterable[Edit]) -> str:
    """Edits in one line."""
    return ", ".join(map(str, edits)) or "unchanged"


def identity_of(edits: Iterable[Edit]) -> tuple[str, ...]:
    """The identities of edits in their order."""
    return tuple(edit.identity for edit in edits)


def _site(site: Any) -> Site:
    if not isinstance(site, Site):
        raise SemphaseError(f"{site!r} is no site; name one such as stream(3) or head(1, 2).")
    return site


def _vectors(site: Any) -> Site:
    if _site(site).kind == "pattern":
        raise SemphaseError(f"{site} has no directions, for its components are keys; use set_to or replaced.")
    return site


def _run(run: Any) -> Run:
    if not (hasattr(run, "read") and hasattr(run, "identity")):
        raise SemphaseError(f"{run!r} is no run; give what study.prompts(…) returns.")
    return run


def _numbers(values: Any, what: str) -> Frozen:
    found = as_array(values)
    if found.dtype.kind not in "iuf" or not np.isfinite(found).all() or (what == "direction" and found.ndim == 0):
        raise SemphaseError(f"a {what} consists of finite numbers and {values!r} does not; give an array of them.")
    return Frozen.of(found.astype(np.float64))


def _identity(part: Any) -> str:
    if isinstance(part, Site | Frozen) or hasattr(part, "read"):
        return part.identity
    if isinstance(part, tuple):
        return f"({', '.join(map(_identity, part))})"
    if callable(part):
        return f"{part.__module__}.{part.__qualname__}"
    return identity(part) if not isinstance(part, str | float) else repr(part)


def _told(part: Any) -> str:
    if isinstance(part, Frozen) and part.values.ndim == 0:
        return f"{float(part.values):g}"
    if hasattr(part, "read"):
        return str(getattr(part, "label", f"run {part.identity[:8]}"))
    if callable(part):
        return part.__name__
    return str(part)
