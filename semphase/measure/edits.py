"""What happens at a site, as plain data: hashable, printable, combinable in any number.

Edits at the same place happen in the order given; those at different places in the order in which a forward pass
comes by: queries, keys and values before the pattern, the pattern before the heads' outputs, and so on. Positions
beyond a prompt's end are never touched, and averages never see them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from semphase.code import code_hash, require_plain
from semphase.errors import SemphaseError
from semphase.measure.arrays import Frozen, as_array
from semphase.measure.edit_base import Edit, Run
from semphase.measure.edit_kinds import (
    Added,
    Averaged,
    Form,
    HiddenKeys,
    Keys,
    Patched,
    Replaced,
    Resampled,
    SetTo,
    Skipped,
    Without,
    Zeroed,
)
from semphase.measure.positions import ALL, positions_of
from semphase.measure.sites import Site, head

FORM_NAMES = ("softmax", "identity", "identity-l1", "relu", "absolute", "product", "threshold")
"""The forms of attention, by the table of `semphase.measure.changes`."""

__all__ = [
    "Edit", "Run", "added", "averaged", "form", "hidden_keys", "identity_of", "keys", "patched", "replaced", "resampled",
    "set_to", "skipped", "told", "without", "zeroed",
]  # fmt: skip


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
