"""From a list of edits to what happens in each block, for one batch of prompts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from semphase.measure.attention_edits import Step
from semphase.measure.batching import Batch
from semphase.measure.blocks import BlockChange, Work
from semphase.measure.drafts import PLACES, Draft, Look
from semphase.measure.edit_base import AtSite, Edit
from semphase.measure.items import Items
from semphase.measure.positions import ALL, Positions, in_prompt, require_prompts
from semphase.measure.run_values import RunValues
from semphase.measure.sites import Shape, Site, check
from semphase.measure.where import Where
from semphase.models import Model


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
        return RunValues(self.items, (self.shape.layers + 1) * self.shape.d_model)

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
                if edit.same_prompts:
                    self.runs.require_same_prompts(edit, run)

    def _resolve(self, positions: Positions, what: str) -> None:
        require_prompts(positions, len(self.items), what)
        if positions is not ALL:
            for k, (length, at) in enumerate(zip(self.items.lengths, self.items.at, strict=True)):
                in_prompt(positions, k, length, at, what)

    def changes(self, edits: Sequence[Edit], batch: Batch, looks: Sequence[Look] = ()) -> dict[int, BlockChange]:
        """What happens in each block that something happens in; the edits in their order, looks after them."""
        blocks = Putting(self, batch)
        for edit in edits:
            edit.put(blocks)
        for look in looks:
            for layer, heads in look.site.chosen(self.shape).items():
                blocks.drafts[layer].looked(look, Step(heads, _looking(look, layer)), layer)
        return {layer: draft.made() for layer, draft in blocks.drafts.items()}

    def touched(self, edits: Iterable[Edit]) -> tuple[int, frozenset[int]]:
        """The first layer that edits touch (−1: the embedding; the number of layers if none), and those skipped."""
        layers = {edit: tuple(edit.touched(self.shape)) for edit in edits}
        skipped = frozenset(layer for edit, own in layers.items() if edit.passes_by for layer in own)
        return min((layer for own in layers.values() for layer in own), default=self.shape.layers), skipped

    def chosen(self, edit: AtSite, batch: Batch) -> Bool[Tensor, "row position"]:
        """Where in a batch the edit's values count."""
        chosen = batch.chosen(edit.site.positions, str(edit))
        if edit.within_prompt:
            chosen &= batch.in_prompts
        return torch.from_numpy(chosen).to(self.model.device)


@dataclass(frozen=True, eq=False)
class Putting:
    """The blocks of a model as drafts, for a batch of prompts (`semphase.measure.edit_base.Blocks`)."""

    compiler: Compiler
    batch: Batch
    drafts: defaultdict[int, Draft] = field(default_factory=lambda: defaultdict(Draft))

    @property
    def shape(self) -> Shape:
        """The model's sizes."""
        return self.compiler.shape

    @property
    def places(self) -> Int[Tensor, " position"]:
        """The positions, 0 and on."""
        return torch.arange(self.batch.width, device=self.compiler.model.device)

    def among(self, positions: Positions, what: str) -> Bool[Tensor, "row position"]:
        """Which positions are meant; SemphaseError, which names `what`, where one does not exist."""
        return torch.from_numpy(self.batch.chosen(positions, what)).to(self.compiler.model.device)

    def renew(self, edit: AtSite) -> None:
        """Values at the edit's site come from its `new`."""
        own = self.compiler
        chosen = own.chosen(edit, self.batch)
        for run in edit.runs:
            own.runs.fetch(run, edit.site)  # now, for a pass inside this one would meet its hooks
        for layer, heads in edit.site.chosen(self.shape).items():
            here = Where(own.model, own.shape, own.runs, edit.site, layer, heads, self.batch)
            self.drafts[layer].add(edit, PLACES[edit.site.kind], Step(heads, _making(edit, here, chosen)))

    def reform(self, edit: Edit, site: Site, form: str) -> None:
        """Heads take another form of attention."""
        for layer, heads in site.chosen(self.shape).items():
            self.drafts[layer].reform(edit, heads, form)

    def hide(self, edit: Edit, site: Site, hidden: Bool[Tensor, "#row position key"]) -> None:
        """Queries of heads do not see keys."""
        for layer, heads in site.chosen(self.shape).items():
            of_head = torch.zeros(self.shape.heads, dtype=torch.bool, device=hidden.device)
            of_head[list(heads)] = True
            own = hidden[:, None]
            self.drafts[layer].hide(edit, own if bool(of_head.all()) else own & of_head[None, :, None, None])

    def skip(self, edit: Edit, layers: Iterable[int]) -> None:
        """Blocks do nothing."""
        for layer in layers:
            self.drafts[layer].skip(edit)


def _making(edit: AtSite, here: Where, chosen: Bool[Tensor, "row position"]) -> Work:
    def make(values: Tensor) -> Tensor:
        wanted = chosen.reshape(*chosen.shape, *(1,) * (values.ndim - 2))
        return torch.where(wanted, edit.new(values, here), values)

    return make


def _looking(look: Look, layer: int) -> Work:
    return lambda values: look.see(layer, values)
