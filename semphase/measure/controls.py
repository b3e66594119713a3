"""Controls made by chance inside the model: directions of equal norm, as many other heads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, TypeVar

import numpy as np

from semphase.errors import SemphaseError
from semphase.measure.sites import Site, heads

Direction = TypeVar("Direction")
_OWN = 0x636F6E74  # streams of their own: data made from the same seed would else come back as their control
Pair = tuple[int, int]


class HasHeads(Protocol):
    """A model, as far as the drawing of heads sees it."""

    @property
    def layers(self) -> int:
        """Number of blocks."""

    @property
    def heads(self) -> int:
        """Query heads in each."""


class HasModel(Protocol):
    """A study."""

    @property
    def model(self) -> HasHeads:
        """The model under study."""


def random_direction(like: Direction, *, seed: int = 0) -> Direction:
    """Directions like the given ones [..., d] (one for each layer, say): each of its norm, turned at random.

    Normal components, so that every direction is equally likely; the same type comes back (NumPy or xarray).
    """
    given = np.asarray(like, dtype=float)
    norms = np.sqrt((given**2).sum(axis=-1, keepdims=True)) if given.ndim else given
    if not given.ndim or not np.isfinite(norms).all() or (norms == 0).any():
        raise SemphaseError(
            f"random_direction needs finite directions [..., d] other than 0, and got an array of shape {given.shape}."
        )
    drawn = np.random.default_rng([seed, _OWN]).normal(size=given.shape)
    drawn *= norms / np.sqrt((drawn**2).sum(axis=-1, keepdims=True))
    copied: Any = getattr(like, "copy", None)
    return copied(data=drawn) if hasattr(like, "dims") else drawn  # type: ignore[return-value]


def random_heads(study: HasModel, n: int, *, seed: int = 0, but: Site | Iterable[Pair] = ()) -> Site:
    """The outputs of n attention heads of the study's model, drawn without replacement from all but some.

    `but` names heads that are not drawn: those the claim is about, by `heads([(layer, head), …])` or as pairs.
    """
    model, named = study.model, set(_pairs(but, study.model))
    free = [pair for pair in np.ndindex(model.layers, model.heads) if pair not in named]
    if not 1 <= n <= len(free):
        raise SemphaseError(f"random_heads cannot draw {n} heads: {len(free)} of the model's are left to choose from.")
    chosen = np.random.default_rng([seed, _OWN]).choice(len(free), size=n, replace=False)
    return heads(free[index] for index in sorted(chosen))


def _pairs(but: Site | Iterable[Pair], model: HasHeads) -> list[Pair]:
    if not isinstance(but, Site):
        return [(int(layer), int(head)) for layer, head in but]
    if but.pairs is not None:
        return list(but.pairs)
    if but.kind != "head" or but.heads is None:
        raise SemphaseError(f"random_heads leaves out heads, as in but=heads([(0, 1)]), and {but} names none.")
    layers, numbers = (
        tuple(range(count)) if not isinstance(indices, tuple) else indices
        for indices, count in ((but.layers, model.layers), (but.heads, model.heads))
    )
    return [(layer, head) for layer in layers for head in numbers]
