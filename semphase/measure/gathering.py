"""Values at a site, batch by batch, put together as one labelled array."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
import xarray as xr
from jaxtyping import Bool, Float
from torch import Tensor

from semphase.measure.batching import Batch, Row, prompts_as_rows
from semphase.measure.items import Items
from semphase.measure.positions import one_each
from semphase.measure.sites import Shape, Site


@dataclass(eq=False)
class Gathered:
    """The values of some prompts at a site, [prompt, layer, (position,) (head,) d], nan where there are none.

    A pattern is [prompt, layer, head, query, key]. One position for each prompt needs no axis; else `position` (or
    `query`) has the positions that any prompt means. The embedding has no layers.
    """

    items: Items
    shape: Shape
    site: Site
    _whole: np.ndarray | None = field(
        default=None, repr=False
    )  # [prompt, layer, position, head, d], axes of 1 included

    def put(self, batch: Batch, values: Mapping[int, Float[Tensor, "row position *rest"]]) -> None:
        """Add the values of a batch's rows, by layer; heads are those of the site in that layer, in its order."""
        chosen = batch.chosen(self.site.positions, str(self.site)) & batch.in_prompts
        for number, (layer, heads) in enumerate(self.site.chosen(self.shape).items()):
            index = [self._heads.index(head) for head in heads] or [0]
            whole = self._array(values[layer])
            for row, item, own in self._wanted(batch, chosen, values[layer]):
                into = (
                    [0]
                    if self._single
                    else [self._places[position] for position in np.flatnonzero(chosen[row]).tolist()]
                )
                # Keys of an answer, and of what fills a row up, are none of the prompt's.
                width = int(batch.in_prompts[row].sum()) if self.site.kind == "pattern" else own.shape[-1]
                place = np.ix_(into, index, range(width))
                before = whole[item, number][place]
                added = own[..., :width].reshape(before.shape)
                whole[item, number][place] = np.where(np.isnan(before), added, before + added)

    def put_zeros(self) -> None:
        """0 wherever a prompt has positions that nothing was put at."""
        for item, length in enumerate(self.items.lengths):
            chosen = self.site.chosen(self.shape).items()
            assert self._whole is not None
            last = self._whole.shape[-1]
            zeros = {k: torch.zeros(1, length, *((len(heads),) if heads else ()), last) for k, heads in chosen}
            self.put(Batch(self.items, (Row(item),)), zeros)

    def finished(self) -> xr.DataArray:
        """The labelled array; dimensions and coordinates as above, `length` for each prompt."""
        assert self._whole is not None
        pattern = self.site.kind == "pattern"
        position = "query" if pattern else "position"
        found = xr.DataArray(
            self._whole,
            dims=("prompt", "layer", position, "head", "key" if pattern else "d"),
            coords={"length": ("prompt", list(self.items.lengths)), "layer": list(self.site.chosen(self.shape))},
            attrs={"unit": "the model's own", "site": str(self.site)},
        )
        found = found.isel({position: 0}) if self._single else found.assign_coords({position: list(self._places)})
        found = found.assign_coords(head=list(self._heads)) if self._heads else found.isel(head=0)
        if self.site.kind == "embedding":
            return found.isel(layer=0, drop=True)
        return found.transpose("prompt", "layer", "head", ..., "key") if pattern else found

    @property
    def _single(self) -> bool:
        return one_each(self.site.positions)

    @cached_property
    def _heads(self) -> tuple[int, ...]:
        chosen = self.site.chosen(self.shape).values()
        return tuple(dict.fromkeys(head for heads in chosen for head in heads))

    @cached_property
    def _places(self) -> dict[int, int]:
        """The positions that any prompt means, and where they stand on the axis."""
        everything = Batch(self.items, prompts_as_rows(self.items))
        meant = np.flatnonzero(everything.chosen(self.site.positions, str(self.site)).any(axis=0))
        return {int(position): k for k, position in enumerate(meant)}

    def _array(self, values: Float[Tensor, "row position *rest"]) -> np.ndarray:
        """The whole array, made when its last axis is known."""
        if self._whole is None:
            last = max(self.items.lengths) if self.site.kind == "pattern" else values.shape[-1]
            positions = 1 if self._single else len(self._places)
            axes = len(self.items), len(self.site.chosen(self.shape)), positions, max(1, len(self._heads)), last
            self._whole = np.full(axes, np.nan, _plain(values[:0]).dtype)
        return self._whole

    def _wanted(
        self, batch: Batch, chosen: Bool[np.ndarray, "row position"], values: Float[Tensor, "row position *rest"]
    ) -> Iterator[tuple[int, int, Float[np.ndarray, "wanted ..."]]]:
        """Row, prompt, and its values at the positions that are meant."""
        if self._single:  # the others need not leave the device
            own = _plain(values[torch.arange(len(values)), torch.from_numpy(chosen.argmax(axis=1))])
            yield from ((k, row.item, own[k, None]) for k, row in enumerate(batch.rows) if chosen[k].any())
        else:
            plain = _plain(values)
            yield from ((k, row.item, plain[k, chosen[k]]) for k, row in enumerate(batch.rows))


def _plain(values: Tensor) -> np.ndarray:
    """In float32 at least."""
    return values.detach().to(torch.promote_types(values.dtype, torch.float32)).cpu().numpy()
