"""The steps of a generation: logits behind the prompts, and behind one more token at a time."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Self

import torch
from jaxtyping import Float, Int
from torch import Tensor

from semphase.measure.attention import attending
from semphase.measure.attention_edits import AttentionEdits
from semphase.measure.batching import Row
from semphase.measure.blocks import BlockChange, Blocks, Call, attention_of, under
from semphase.measure.compiling import Compiler
from semphase.measure.edit_base import Edit
from semphase.measure.generating.continuing import Continued, behind
from semphase.measure.generating.flops import Cost, cost
from semphase.measure.generating.light import LightAttention, Lightened, Present, lightened
from semphase.measure.generating.now import FamilyMask, Now
from semphase.measure.generating.remembering import Remembering
from semphase.measure.generating.slimming import slimmed
from semphase.measure.losses import unembedding
from semphase.measure.passes import all_logits, final_stream
from semphase.models import Model


class Run:
    """Logits step by step, `copies` rows for each prompt and room for so many tokens; asked for inside a `with` block.

    `cost` is what a token costs, nan where that is not counted.
    """

    cost: Cost

    def __init__(self, compiler: Compiler, edits: Sequence[Edit], batch: Continued, copies: int, room: int) -> None:
        self.model, self.compiler, self.edits, self.batch = compiler.model, compiler, edits, batch
        self.copies, self.room = copies, room
        self.stack = ExitStack()
        """What the block's end undoes; so does an error while it is entered."""
        self.cost = Cost(float("nan"), float("nan"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def begin(self) -> Float[Tensor, "row vocabulary"]:
        """Logits behind the prompts, one row for each copy."""
        raise NotImplementedError

    def step(self, tokens: Int[Tensor, " row"]) -> Float[Tensor, "row vocabulary"]:
        """Logits behind one more token."""
        raise NotImplementedError

    def keep(self, rows: Int[Tensor, " kept"]) -> None:
        """Go on with some of the rows."""
        raise NotImplementedError


class Remembered(Run):
    """The past is kept, and each step runs one position."""

    def __enter__(self) -> Self:
        model, capacity = self.model, self.batch.width + self.room
        self.now = Now(self.batch.lengths, self.copies, model.device)
        blocks = Blocks(model, torch.zeros(1, capacity, dtype=torch.long, device=model.device))
        self.first = self.compiler.changes(self.edits, self.batch)
        self.later = behind(self.compiler, self.edits, self.batch, self.room)
        masks = [_mask(call, capacity) for call in blocks.calls]
        light = _light(lightened(self.edits, self.compiler.shape), masks, model)
        with ExitStack() as stack:
            slim = stack.enter_context(slimmed(model, {layer: own.removed for layer, own in light.items()}))
            present = {layer: _present(model, own, slim.get(layer)) for layer, own in light.items()}
            self.cost = _cost(model, present, self.later)
            self.attentions = [self._attention(layer, capacity, masks[layer], present) for layer in range(model.layers)]
            stack.enter_context(attending(model, dict(enumerate(self.attentions))))
            self.stack = stack.pop_all()
        return self

    def _attention(
        self, layer: int, capacity: int, mask: FamilyMask | None, present: dict[int, Present]
    ) -> LightAttention | Remembering:
        if layer in present:
            return LightAttention(self.now, capacity, mask, present[layer])
        first, later = attention_of(self.first.get(layer)), attention_of(self.later.get(layer))
        return Remembering(self.now, capacity, mask, first, later)

    def begin(self) -> Float[Tensor, "row vocabulary"]:
        """Logits behind the prompts, one row for each copy."""
        with under(self.model, self.first):
            hidden = self.model.module.base_model(input_ids=self.batch.ids.to(self.model.device), use_cache=False)[0]
        ends = torch.tensor(self.batch.lengths) - 1
        return self._logits(hidden[torch.arange(len(ends)), ends]).repeat_interleave(self.copies, dim=0)

    def step(self, tokens: Int[Tensor, " row"]) -> Float[Tensor, "row vocabulary"]:
        """Logits behind one more token."""
        self.now.step()
        with under(self.model, self.later):
            hidden = self.model.module.base_model(
                input_ids=tokens[:, None], position_ids=self.now.positions[:, None], use_cache=False
            )[0]
        return self._logits(hidden[:, 0])

    def keep(self, rows: Int[Tensor, " kept"]) -> None:
        """Go on with some of the rows."""
        self.now.keep(rows)
        for attention in self.attentions:
            attention.keep(rows)

    def _logits(self, normed: Float[Tensor, "row d"]) -> Float[Tensor, "row vocabulary"]:
        return unembedding(self.model).all(normed)


class Anew(Run):
    """Every step is a full forward pass over all that there is."""

    def __enter__(self) -> Self:
        self.rows = [Row(row.item) for row in self.batch.rows for _ in range(self.copies)]
        return self

    def begin(self) -> Float[Tensor, "row vocabulary"]:
        """Logits behind the prompts, one row for each copy."""
        return logits_anew(self.compiler, self.edits, self.batch).repeat_interleave(self.copies, dim=0)

    def step(self, tokens: Int[Tensor, " row"]) -> Float[Tensor, "row vocabulary"]:
        """Logits behind one more token."""
        extended = zip(self.rows, tokens.tolist(), strict=True)
        self.rows = [Row(row.item, (*row.extra, token)) for row, token in extended]
        return logits_anew(self.compiler, self.edits, replace(self.batch, rows=tuple(self.rows)))

    def keep(self, rows: Int[Tensor, " kept"]) -> None:
        """Go on with some of the rows."""
        self.rows = [self.rows[row] for row in rows.tolist()]


def logits_anew(compiler: Compiler, edits: Sequence[Edit], batch: Continued) -> Float[Tensor, "row vocabulary"]:
    """Logits behind the rows of a batch by one full forward pass."""
    stream = final_stream(compiler.model, batch.ids.to(compiler.model.device), compiler.changes(edits, batch))
    return all_logits(compiler.model, stream[torch.arange(len(stream)), torch.tensor(batch.lengths) - 1])


def _mask(call: Call, capacity: int) -> FamilyMask | None:
    """The mask among a block's arguments, where the family makes one."""
    args, kwargs = call
    for given in (*args, *kwargs.values()):
        if isinstance(given, Tensor) and given.dtype == torch.bool and given.shape[-2:] == (capacity, capacity):
            return given
    return None


def _light(found: dict[int, Lightened], masks: Sequence[FamilyMask | None], model: Model) -> dict[int, Lightened]:
    """A running state sees all past keys, so a layer with a window or with capped scores keeps its keys."""
    capped = getattr(model.module.config.get_text_config(), "attn_logit_softcapping", None) is not None
    return {k: own if masks[k] is None and not capped else own.keeping_keys() for k, own in found.items()}


def _present(model: Model, own: Lightened, slim: tuple[tuple[int, ...], tuple[int, ...]] | None) -> Present:
    heads, key_heads = slim or (tuple(range(model.heads)), tuple(range(model.key_heads)))
    return Present(heads, key_heads, model.heads // model.key_heads, own)


def _cost(model: Model, present: dict[int, Present], changes: dict[int, BlockChange]) -> Cost:
    softmax, linear, further = [model.heads] * model.layers, [0] * model.layers, 0
    for layer, own in present.items():
        softmax[layer] = own.products
        linear[layer] = len(own.linear_places)
    skipped = [layer for layer, change in changes.items() if change.skipped]
    for layer, change in changes.items():
        if isinstance(change.attention, AttentionEdits) and layer not in {*present, *skipped}:
            further += change.attention.products
    return cost(model, softmax, linear, skipped).with_products(further)
