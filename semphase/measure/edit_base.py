"""What every edit is: plain data that says what it becomes in a key, in print, and of the values at its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from semphase.errors import SemphaseError
from semphase.measure.arrays import Frozen, as_array
from semphase.measure.positions import Positions, identity
from semphase.measure.sites import Shape, Site, check

if TYPE_CHECKING:
    import xarray as xr

Values = Any
"""A torch tensor [row, position, (head,) d] of the site's heads in one layer; a pattern is [row, query, head, key].

Its methods are enough for what happens here, so that edits can be named where no torch is."""


class Run(Protocol):
    """Another run, whose values an edit needs: the study's runs on prompts are such objects."""

    @property
    def identity(self) -> str:
        """The same string for runs with equal values only."""

    def read(self, site: Site) -> xr.DataArray:
        """Values at all positions, [prompt, layer, position, (head,) d], with the coordinate `length`."""


class Here(Protocol):
    """What an edit may ask about the layer and the prompts that it is at."""

    def mean(self, run: Run) -> Values:
        """A run's mean over prompts and positions, [(head,) d]; of a pattern over prompts, [query, head, key]."""

    def same(self, run: Run) -> Values:
        """A run's values of the same prompts, [row, position, (head,) d]."""

    def drawn(self, run: Run, seed: int) -> Values:
        """A run's values of other prompts, drawn for each of these."""

    def vector(self, values: Frozen) -> Values:
        """An array that broadcasts to [layer, (head,) d], at this layer."""

    def call(self, function: Callable[..., Any], arrays: tuple[tuple[str, Frozen], ...], values: Values) -> Values:
        """function(values, **arrays), with prompts of equal length together and nothing beyond their ends."""


class Blocks(Protocol):
    """The blocks of a model, as edits are put into them for one batch of prompts."""

    @property
    def shape(self) -> Shape:
        """The model's sizes."""

    @property
    def places(self) -> Values:
        """The positions, 0 and on."""

    def among(self, positions: Positions, what: str) -> Values:
        """Which positions are meant, as truth values [row, position]; `what` is named where one does not exist."""

    def renew(self, edit: AtSite) -> None:
        """Values at the edit's site come from its `new`."""

    def reform(self, edit: Edit, site: Site, form: str) -> None:
        """Heads take another form of attention."""

    def hide(self, edit: Edit, site: Site, hidden: Values) -> None:
        """Queries of heads do not see keys, given as truth values [row or 1, query, key]."""

    def skip(self, edit: Edit, layers: Iterable[int]) -> None:
        """Blocks do nothing."""


@dataclass(frozen=True)
class Edit:
    """Something that happens in a forward pass."""

    passes_by: ClassVar[bool] = False
    """Whether the blocks that it touches do nothing, so that those before them count for what follows."""

    @property
    def position_by_position(self) -> bool:
        """Whether what it does at a position depends on nothing behind it, so that a position can be added at the end."""
        return True

    def put(self, blocks: Blocks) -> None:
        """Put the edit into the blocks that it touches."""
        raise NotImplementedError

    def touched(self, shape: Shape) -> Iterable[int]:
        """The layers in which it happens, the embedding's is −1; all unless it names some."""
        return [layer for site in self.sites for layer in site.chosen(shape)] or range(shape.layers)

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

    @property
    def sites(self) -> tuple[Site, ...]:
        """Where it happens; nothing if everywhere."""
        return tuple(part for part in self._parts if isinstance(part, Site))

    @property
    def positions(self) -> tuple[Positions, ...]:
        """The positions that it names."""
        return tuple(site.positions for site in self.sites)

    @property
    def runs(self) -> tuple[Run, ...]:
        """The other runs whose values it needs."""
        return tuple(part for part in self._parts if hasattr(part, "read"))

    @property
    def _parts(self) -> list[Any]:
        return [getattr(self, part.name) for part in fields(self)]

    def check(self, shape: Shape) -> None:
        """SemphaseError, in one sentence, where the model lacks what the edit names."""
        for site in self.sites:
            check(site, shape)


@dataclass(frozen=True)
class AtSite(Edit):
    """An edit that gives the values at a site anew."""

    site: Site
    within_prompt: ClassVar[bool] = False
    """Whether it knows no values behind the prompt, where an answer is appended."""
    same_prompts: ClassVar[bool] = False
    """Whether it takes the values of its run prompt by prompt."""

    def put(self, blocks: Blocks) -> None:
        """Where the site is, new values come instead."""
        blocks.renew(self)

    def new(self, values: Values, here: Here) -> Values:
        """The values that come instead, at all positions; those of the site are taken."""
        raise NotImplementedError


def told(edits: Iterable[Edit]) -> str:
    """Edits in one line."""
    return ", ".join(map(str, edits)) or "unchanged"


def identity_of(edits: Iterable[Edit]) -> tuple[str, ...]:
    """The identities of edits in their order."""
    return tuple(edit.identity for edit in edits)


def site_of(site: Any) -> Site:
    """A site; SemphaseError for anything else."""
    if not isinstance(site, Site):
        raise SemphaseError(f"{site!r} is no site; name one such as stream(3) or head(1, 2).")
    return site


def with_directions(site: Any) -> Site:
    """A site whose values have directions; SemphaseError for anything else."""
    if site_of(site).kind == "pattern":
        raise SemphaseError(f"{site} has no directions, for its components are keys; use set_to or replaced.")
    return site


def run_of(run: Any) -> Run:
    """A run; SemphaseError for anything else."""
    if not (hasattr(run, "read") and hasattr(run, "identity")):
        raise SemphaseError(f"{run!r} is no run; give what study.prompts(…) returns.")
    return run


def numbers(values: Any, what: str) -> Frozen:
    """Finite numbers; SemphaseError, which names `what`, for anything else."""
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
