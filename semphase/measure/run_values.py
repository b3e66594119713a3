"""Values of other runs where an edit needs them, read once and laid out for the rows of a batch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import xarray as xr
from jaxtyping import Float

from semphase.errors import SemphaseError
from semphase.measure.batching import Batch
from semphase.measure.edit_base import AtSite, Run
from semphase.measure.items import Items
from semphase.measure.positions import ALL
from semphase.measure.sites import Site

ROOM = 2**28
"""Bytes of a run up to which all its layers are read at once."""
OfRun = Float[np.ndarray, "prompt position *rest"]
"""One layer of a run, [prompt, position, (head,) d], nan behind a prompt's end; a pattern is [prompt, query, head, key]."""
OfRows = Float[np.ndarray, "row position *rest"]


@dataclass(eq=False)
class RunValues:
    """What runs give at sites; every site of a run is read once."""

    items: Items
    components: int
    """Of a position, in all layers together."""
    _read: dict[tuple[str, str], xr.DataArray] = field(default_factory=dict)

    def layer(self, run: Run, site: Site, layer: int, heads: tuple[int, ...]) -> OfRun:
        """One layer, some heads."""
        found = self.fetch(run, site)
        if site.kind != "embedding":
            found = found.sel(layer=layer)
        if heads:
            found = found.sel(head=list(heads))
        order = ("prompt", "query", "head", "key") if site.kind == "pattern" else ("prompt", "position", ..., "d")
        return found.transpose(*order).values

    def lengths(self, run: Run, site: Site) -> tuple[int, ...]:
        """The number of tokens of each prompt of a run."""
        return tuple(self.fetch(run, site)["length"].values.tolist())

    def mean(self, run: Run, site: Site, layer: int, heads: tuple[int, ...], width: int) -> Float[np.ndarray, "*rest"]:
        """Over prompts and positions, [(head,) d]; of a pattern over prompts, [query, head, key] of some width."""
        values = self.layer(run, site, layer, heads)
        if site.kind != "pattern":
            return np.asarray(np.nanmean(values, axis=(0, 1), dtype=np.float64))
        kept = values[:, :width, :, :width]
        count = np.maximum(np.isfinite(kept).sum(axis=0), 1)
        return _widened((np.nansum(kept, axis=0) / count)[None], width, keys=True)[0]

    def rows(self, run: Run, site: Site, layer: int, heads: tuple[int, ...], of: list[int], width: int) -> OfRows:
        """The values of some prompts, one for each row; 0 where they have none."""
        values = self.layer(run, site, layer, heads)[of, :width]
        return np.nan_to_num(_widened(values, width, keys=site.kind == "pattern"))

    def donors(self, run: Run, site: Site, batch: Batch, seed: int) -> list[int]:
        """For each row the prompt of a run that gives its values."""
        lengths = self.lengths(run, site)
        return [self._donor(lengths, row.item, seed) for row in batch.rows]

    def _donor(self, lengths: tuple[int, ...], item: int, seed: int) -> int:
        wanted = self.items.lengths[item]
        possible = [k for k, length in enumerate(lengths) if k != item and length >= wanted]
        if not possible:
            raise SemphaseError(
                f"no other prompt of the run is as long as prompt {item} ({wanted} tokens), so none can stand in for it; "
                "resample from a run of more or longer prompts."
            )
        return int(np.random.default_rng([seed, item]).choice(possible))

    def require_same_prompts(self, edit: AtSite, run: Run) -> None:
        """SemphaseError, naming the edit, unless a run has as many prompts of equal lengths."""
        lengths = self.lengths(run, edit.site)
        if lengths != self.items.lengths:
            raise SemphaseError(
                f"{edit} needs a run of {len(self.items)} prompts with the same numbers of tokens, and this one has "
                f"{len(lengths)} of other lengths; pair the prompts first."
                if len(lengths) == len(self.items)
                else f"{edit} needs a run of {len(self.items)} prompts, and this one has {len(lengths)}; pair them first."
            )

    def require_width(self, edit: AtSite, run: Run, width: int | None) -> None:
        """SemphaseError, naming the edit, for a run of a model with other dimensions."""
        found = self.fetch(run, edit.site)
        if width is not None and found.sizes["d"] != width:
            raise SemphaseError(
                f"{edit} takes values of {found.sizes['d']} components and {width} are needed; the models must have "
                "equal shapes."
            )

    def fetch(self, run: Run, site: Site) -> xr.DataArray:
        """Everything that a run gives at a site."""
        everywhere = self._widest(run, site)
        key = run.identity, everywhere.identity
        if key not in self._read:
            self._read[key] = run.read(everywhere)
        return self._read[key]

    def _widest(self, run: Run, site: Site) -> Site:
        """All layers and heads of a run on prompts that has room: one pass gives them, and other edits will ask."""
        items = getattr(run, "items", None)
        alone = site.kind in ("embedding", "neurons", "pattern")
        if not isinstance(items, Items) or alone or 4 * self.components * sum(items.lengths) > ROOM:
            return site.everywhere
        return replace(site, layers=ALL, heads=None if site.heads is None else ALL, pairs=None, positions=ALL)


def _widened(values: Float[np.ndarray, "row given *before"], width: int, *, keys: bool) -> OfRows:
    """Filled up with nan to a number of positions, and of keys in a pattern."""
    wider = [(0, 0)] * values.ndim
    wider[1] = (0, width - values.shape[1])
    if keys:
        values = values[..., :width]
        wider[-1] = (0, width - values.shape[-1])
    return np.pad(values, wider, constant_values=np.nan)
