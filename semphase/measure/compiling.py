"""From a list of edits to what happens in each block, for one batch of prompts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, singledispatch

import torch
from jaxtyping import Bool
from torch import Tensor

from semphase.measure.attention_edits import Step
from semphase.measure.batching import Batch
from semphase.measure.blocks import BlockChange, Work
from semphase.measure.drafts import PLACES, Draft, Look
from semphase.measure.edit_base import AtSite, Edit
from semphase.measure.edit_kinds import Form, HiddenKeys, Keys, Patched, Skipped
from semphase.measure.items import Items
from semphase.measure.positions import ALL, Positions, in_prompt, require_prompts
from semphase.measure.run_values import RunValues
from semphase.measure.sites import Shape, Site, check
from semphase.measure.where import Where
from semphase.models import Model

Drafts = defaultdict[int, Draft]


def shape_of(model: Model) -> Shape:
    """What sites of a model are checked against."""
    parts = model.anatomy.neurons
    return Shape(
        model.name,
        model.layers,
        model.heads,
        model.key_heads,
        model.d_model,
        model.d_head,
        _inputs(parts[0]) if parts else None,
    )


def _inputs(projection: torch.nn.Module) -> int | None:
    """How many components a projection takes."""
    if isinstance(projection, torch.nn.Linear):
        return projection.in_features
    weight = getattr(projection, "weight", None)
    return int(weight.shape[0]) if isinstance(weight, Tensor) else None  # transformers' Conv1D: [in, out]


@dataclass(eq=False)
class Compiler:
    """Makes changes of blocks from edits, for batches of some prompts."""

    model: Model
    items: Items

    @cached_property
    def shape(self) -> Shape:
        """What sites are checked against."""
        return shape_of(self.model)

    @cached_property
    def runs(self) -> RunValues:
        """Values of other runs."""
        return RunValues(self.items)

    def require(self, edits: Iterable[Edit], *sites: Site) -> None:
        """SemphaseError, in one sentence, for what the model or the prompts lack; before anything is computed."""
        for site in sites:
            check(site, self.shape)
            self._resolve(site.positions, str(site))
        for edit in edits:
            edit.check(self.shape)
            for positions in edit.positions:
                self._resolve(positions, str(edit))
            for run in edit.runs:
                assert isinstance(edit, AtSite)
                self.runs.require_width(edit, run, self.shape.width(edit.site.kind))
            if isinstance(edit, Patched):
                self.runs.require_same_prompts(edit, edit.run)

    def _resolve(self, positions: Positions, what: str) -> None:
        require_prompts(positions, len(self.items), what)
        if positions is not ALL:
            for k, (length, at) in enumerate(zip(self.items.lengths, self.items.at, strict=True)):
                in_prompt(positions, k, length, at, what)

    def changes(self, edits: Sequence[Edit], batch: Batch, looks: Sequence[Look] = ()) -> dict[int, BlockChange]:
        """What happens in each block that something happens in; the edits in their order, looks after them."""
        drafts: Drafts = defaultdict(Draft)
        for edit in edits:
            put(edit, self, batch, drafts)
        for look in looks:
            for layer, heads in look.site.chosen(self.shape).items():
                drafts[layer].looked(look, Step(heads, _looking(look, layer)), layer)
        return {layer: draft.made() for layer, draft in drafts.items()}

    def touched(self, edits: Iterable[Edit]) -> tuple[int, frozenset[int]]:
        """The first layer that edits touch (−1: the embedding; the number of layers if none), and those skipped."""
        layers = [layer for edit in edits for layer in self._layers(edit)]
        skipped = [layer for edit in edits if isinstance(edit, Skipped) for layer in self._layers(edit)]
        return min(layers, default=self.shape.layers), frozenset(skipped)

    def _layers(self, edit: Edit) -> list[int]:
        if isinstance(edit, Skipped):
            return list(Site("mlp", edit.layers).chosen(self.shape))
        layers = [layer for site in edit.sites for layer in site.chosen(self.shape)]
        return layers or list(range(self.shape.layers))

    def chosen(self, edit: AtSite, batch: Batch) -> Bool[Tensor, "row position"]:
        """Where in a batch the edit's values count."""
        chosen = batch.chosen(edit.site.positions, str(edit))
        if edit.within_prompt:
            chosen &= batch.in_prompts
        return torch.from_numpy(chosen).to(self.model.device)

    def hidden(
        self, edit: HiddenKeys, heads: tuple[int, ...], batch: Batch
    ) -> Bool[
        Tensor,
        (
            row  # head position key
        ),
    ]:
        """What a batch's queries do not see."""
        query, key = (torch.from_numpy(batch.chosen(own, str(edit))) for own in (edit.query, edit.key))
        of_head = torch.zeros(self.shape.heads, dtype=torch.bool)
        of_head[list(heads)] = True
        both = query[:, None, :, None] & key[:, None, None, :]
        hidden = both if bool(of_head.all()) else both & of_head[None, :, None, None]
        return hidden.to(self.model.device)

    def outside(self, edit: Keys, width: int) -> Bool[Tensor, "1 1 position key"]:
        """What lies outside the window and the first keys."""
        at = torch.arange(width, device=self.model.device)
        return ((at[:, None] - at >= edit.window) & (at >= edit.first))[None, None]


@singledispatch
def put(edit: Edit, compiler: Compiler, batch: Batch, drafts: Drafts) -> None:  # noqa: ARG001
    """Write an edit into the drafts of the blocks that it touches."""
    raise TypeError(f"no compiler for {edit!r}")


@put.register
def _(edit: AtSite, compiler: Compiler, batch: Batch, drafts: Drafts) -> None:
    chosen = compiler.chosen(edit, batch)
    for run in edit.runs:
        compiler.runs.fetch(run, edit.site)  # now, for a pass inside this one would meet its hooks
    for layer, heads in edit.site.chosen(compiler.shape).items():
        here = Where(compiler.model, compiler.shape, compiler.runs, edit.site, layer, heads, batch)
        drafts[layer].add(edit, PLACES[edit.site.kind], Step(heads, _making(edit, here, chosen)))


@put.register
def _(edit: Form, compiler: Compiler, _batch: Batch, drafts: Drafts) -> None:
    for layer, heads in edit.site.chosen(compiler.shape).items():
        drafts[layer].reform(edit, heads)


@put.register
def _(edit: Skipped, compiler: Compiler, _batch: Batch, drafts: Drafts) -> None:
    for layer in Site("mlp", edit.layers).chosen(compiler.shape):
        drafts[layer].skip(edit)


@put.register
def _(edit: HiddenKeys, compiler: Compiler, batch: Batch, drafts: Drafts) -> None:
    for layer, heads in edit.site.chosen(compiler.shape).items():
        drafts[layer].hide(edit, compiler.hidden(edit, heads, batch))


@put.register
def _(edit: Keys, compiler: Compiler, batch: Batch, drafts: Drafts) -> None:
    for layer in range(compiler.shape.layers):
        drafts[layer].hide(edit, compiler.outside(edit, batch.width))


def _making(edit: AtSite, here: Where, chosen: Bool[Tensor, "row position"]) -> Work:
    def make(values: Tensor) -> Tensor:
        wanted = chosen.reshape(*chosen.shape, *(1,) * (values.ndim - 2))
        return torch.where(wanted, edit.new(values, here), values)

    return make


def _looking(look: Look, layer: int) -> Work:
    return lambda values: look.see(layer, values)
