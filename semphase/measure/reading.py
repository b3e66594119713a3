"""Any site of any prompts under any edits; logits, losses, scores, and gradients of scores.

Prompts run in batches of similar length. What one prompt gives does not depend on the others in its batch, but for
the rounding of products of another shape (`semphase.tolerances`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import torch
import xarray as xr
from torch import Tensor

from semphase.errors import SemphaseError
from semphase.measure.batching import Batch, batches, prompts_as_rows
from semphase.measure.compiling import Compiler
from semphase.measure.drafts import Look
from semphase.measure.edit_base import Edit
from semphase.measure.gathering import Gathered
from semphase.measure.halving import in_passes
from semphase.measure.items import Items
from semphase.measure.looks import Logits, Losses, Reader, Scored, require_finite_rows
from semphase.measure.passes import final_stream
from semphase.measure.scores import Score, log_probability
from semphase.measure.sites import Site
from semphase.models import Model

Advance = Callable[[int], None]
"""Told how many prompts are done."""


def _unwatched(_prompts: int) -> None:
    pass


def read(
    model: Model, items: Items, site: Site, edits: Sequence[Edit] = (), advance: Advance = _unwatched
) -> xr.DataArray:
    """Values at a site, [prompt, layer, (position,) (head,) d], after all edits there.

    A pattern is [prompt, layer, head, query, key]; the embedding has no layers. Numbers are the model's own, float32
    at least, nan where a prompt has no such position. Raises SemphaseError for what model or prompts lack and, naming
    the layer, for numbers that are not finite.
    """
    compiler = Compiler(model, items)
    compiler.require(edits, site)
    found = Gathered(items, compiler.shape, site)
    until = last_block(site, compiler)

    def seen_in(batch: Batch) -> Seeing:
        seen = Seeing(site)
        with torch.no_grad():
            final_stream(model, batch.ids.to(model.device), compiler.changes(edits, batch, [seen.look]), until)
        return seen

    for batch, seen in in_passes(model, batches(model, items, prompts_as_rows(items)), seen_in):
        seen.require_finite(batch, model)
        found.put(batch, seen.values)
        advance(len(batch.rows))
    return found.finished()


def logits(model: Model, items: Items, edits: Sequence[Edit] = (), advance: Advance = _unwatched) -> xr.DataArray:
    """Logits at each prompt's position, [prompt, vocabulary], scaled and capped as the family does."""
    return final(model, items, Logits(), edits, advance)


def token_losses(model: Model, items: Items, edits: Sequence[Edit] = (), advance: Advance = _unwatched) -> xr.DataArray:
    """−log p in nats of each token, [prompt, position]; the first of a prompt is not predicted; nan behind its end."""
    return final(model, items, Losses(), edits, advance)


def log_probabilities(
    model: Model,
    items: Items,
    answers: Iterable[Sequence[int]],
    edits: Sequence[Edit] = (),
    advance: Advance = _unwatched,
) -> xr.DataArray:
    """log p in nats of one answer for each prompt, [prompt]: its tokens, summed, after the position that is read.

    Edits at ALL positions act on an answer's tokens as well; other positions are those of the prompt.
    """
    return final(model, items, Scored(log_probability(answers)), edits, advance)


def final(
    model: Model, items: Items, reader: Reader, edits: Sequence[Edit] = (), advance: Advance = _unwatched
) -> xr.DataArray:
    """What a reader finds in what leaves the last block."""
    compiler = Compiler(model, items)
    compiler.require(edits)
    parts = []

    @torch.no_grad()
    def read_in(batch: Batch) -> Tensor:
        stream = final_stream(model, batch.ids.to(model.device), compiler.changes(edits, batch))
        return reader.read(model, batch, stream)

    for batch, values in in_passes(model, batches(model, items, reader.rows(items)), read_in):
        require_finite_rows(reader, model, batch, values)
        parts.append((batch, values.cpu().numpy()))
        advance(len(batch.rows))
    return reader.gathered(items, parts)


def gradient(
    model: Model,
    items: Items,
    site: Site,
    score: Score | Literal["loss"],
    edits: Sequence[Edit] = (),
    advance: Advance = _unwatched,
) -> xr.DataArray:
    """∂score/∂value at a site, laid out as `read` does; the score of each prompt, or its summed loss in nats.

    The derivative is by what stands there after all edits, and the way back leads through the edits behind.
    """
    reader: Reader = Losses() if score == "loss" else Scored(score)
    compiler = Compiler(model, items)
    compiler.require(edits, site)
    found = Gathered(items, compiler.shape, site)

    @torch.enable_grad()
    def gradients_in(batch: Batch) -> dict[int, Tensor]:
        probing = Probing(site)
        changes = compiler.changes(edits, batch, [probing.look])
        stream = final_stream(model, batch.ids.to(model.device), changes)
        return probing.gradients(reader.read(model, batch, stream).nansum())

    for batch, values in in_passes(model, batches(model, items, reader.rows(items)), gradients_in):
        found.put(batch, values)
        advance(len(batch.rows))
    found.put_zeros()
    return found.finished().assign_attrs(unit="nats per unit of the model")


def last_block(site: Site, compiler: Compiler) -> int:
    """How many blocks have to run until a site has been seen."""
    deepest = max(site.chosen(compiler.shape))
    return max(0, deepest if site.kind in {"stream", "embedding"} else deepest + 1)


class Seeing:
    """A look that keeps what it sees, by layer."""

    def __init__(self, site: Site) -> None:
        self.values: dict[int, Tensor] = {}
        self.look = Look(site, self._see)

    def _see(self, layer: int, values: Tensor) -> Tensor:
        self.values[layer] = values.clone()
        return values

    def require_finite(self, batch: Batch, model: Model) -> None:
        """SemphaseError, naming the layer, where a prompt has numbers that are not finite."""
        for layer, values in self.values.items():
            for length, rows in batch.by_length:
                if not bool(values[rows, :length].isfinite().all()):
                    raise SemphaseError(
                        f"the activations of {model.name} are not finite at {self.look.site}, layer {layer}; check the "
                        "weights or choose a wider --dtype."
                    )


class Probing:
    """A look that adds zeros, by which scores are derived."""

    def __init__(self, site: Site) -> None:
        self.zeros: dict[int, Tensor] = {}
        self.look = Look(site, self._see)

    def _see(self, layer: int, values: Tensor) -> Tensor:
        self.zeros[layer] = torch.zeros_like(values, requires_grad=True)
        return values + self.zeros[layer]

    def gradients(self, total: Tensor) -> dict[int, Tensor]:
        """Of a number, by layer; 0 where it does not depend on the site."""
        found = torch.autograd.grad(total, list(self.zeros.values()), materialize_grads=True, allow_unused=True)
        return dict(zip(self.zeros, found, strict=True))
