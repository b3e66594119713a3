"""Edits of how a model is put together: heads with another form of attention, keys not seen, blocks passed by.

To add a kind: a class whose `put` says what becomes of the blocks, the function that makes it, and its name in
`__all__`, which `semphase` shows as it stands.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from semphase.errors import SemphaseError
from semphase.measure.edit_base import Blocks, Edit, site_of
from semphase.measure.positions import ALL, Positions, positions_of
from semphase.measure.sites import Indices, Shape, Site, head, mlp, require_indices, told_indices

__all__ = ["form", "hidden_keys", "keys", "skipped"]

FORM_NAMES = ("softmax", "identity", "identity-l1", "relu", "absolute", "product", "threshold")
"""The forms of attention, by the table of `semphase.measure.changes`."""


@dataclass(frozen=True)
class Form(Edit):
    """Heads with another form of attention than softmax (`semphase.measure.changes` has the table)."""

    site: Site
    form: str

    def put(self, blocks: Blocks) -> None:
        """The heads take the form."""
        blocks.reform(self, self.site, self.form)


def form(site: Site, form: str) -> Edit:
    """Another form of attention in some heads."""
    if site_of(site).kind != "head" or site.positions is not ALL:
        raise SemphaseError(f"a form of attention belongs to heads at all positions, not to {site}; name head(l, h).")
    if form not in FORM_NAMES:
        raise SemphaseError(f"there is no form of attention {form!r}; choose {', '.join(FORM_NAMES)}.")
    return Form(site, form)


@dataclass(frozen=True)
class Skipped(Edit):
    """Blocks that pass the stream through."""

    layers: Indices
    passes_by = True

    def put(self, blocks: Blocks) -> None:
        """The blocks do nothing."""
        blocks.skip(self, self.touched(blocks.shape))

    def touched(self, shape: Shape) -> Iterable[int]:
        """The blocks."""
        return mlp(self.layers).chosen(shape)

    def __str__(self) -> str:
        return f"skipped({told_indices(self.layers)})"

    def check(self, shape: Shape) -> None:
        """SemphaseError, in one sentence, for blocks that the model does not have."""
        require_indices(self.layers, shape.layers, "layer", str(self), shape.name)


def skipped(layers: Any) -> Edit:
    """Blocks passed by."""
    return Skipped(head(layers).layers)


@dataclass(frozen=True)
class HiddenKeys(Edit):
    """Keys at some positions that the queries at some positions do not see; a query that sees none gets 0."""

    site: Site
    query: Positions
    key: Positions

    def put(self, blocks: Blocks) -> None:
        """Those queries lose those keys."""
        query, key = (blocks.among(own, str(self)) for own in (self.query, self.key))
        blocks.hide(self, self.site, query[:, :, None] & key[:, None, :])

    @property
    def positions(self) -> tuple[Positions, ...]:
        """Those of the queries and of the keys."""
        return self.query, self.key

    def __str__(self) -> str:
        return f"hidden_keys({str(self.site)[5:-1]}, query={self.query!r}, key={self.key!r})"


def hidden_keys(layers: Any, heads: Any = ALL, *, query: Any, key: Any) -> Edit:
    """Scores masked before softmax, from the queries at some positions to the keys at others."""
    return HiddenKeys(head(layers, heads), positions_of(query), positions_of(key))


@dataclass(frozen=True)
class Keys(Edit):
    """Every layer sees the last `window` keys, its own position among them, and the `first` ones of the prompt."""

    window: int
    first: int

    def put(self, blocks: Blocks) -> None:
        """What lies outside the window and the first keys is not seen."""
        at = blocks.places
        outside = (at[:, None] - at >= self.window) & (at >= self.first)
        blocks.hide(self, head(ALL), outside[None])


def keys(window: int, first: int = 0) -> Edit:
    """A sliding window and the first few keys, in every layer; positions are not re-indexed.

    Xiao et al. 2023 (2309.17453) re-index them inside their cache. A model's own window stays in force as well.
    """
    if window < 1 or first < 0:
        raise SemphaseError(f"keys({window}, {first}) hides every key; a window holds at least its own position.")
    return Keys(int(window), int(first))
