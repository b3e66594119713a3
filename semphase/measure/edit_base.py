"""What every edit is: plain data that says what it becomes in a key, in print, and of the values at its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from semphase.measure.arrays import Frozen
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

    def new(self, values: Values, here: Here) -> Values:
        """The values that come instead, at all positions; those of the site are taken."""
        raise NotImplementedError


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
