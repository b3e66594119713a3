"""Preflight of edits: one that moves nothing is an error that names it, not a null result."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from semphase.errors import SemphaseError
from semphase.measure.batching import batches, prompts_as_rows
from semphase.measure.compiling import Compiler
from semphase.measure.edit_base import Edit
from semphase.measure.items import Items
from semphase.measure.passes import final_stream
from semphase.measure.sweeping import moves
from semphase.models import Model


def require_effect(model: Model, items: Items, edits: Iterable[Edit]) -> None:
    """SemphaseError unless each edit, alone, moves what leaves the last block somewhere by more than rounding.

    Prompts are tried until all have. Whoever claims that an edit moves nothing does not call this.
    """
    compiler, waiting = Compiler(model, items), list(edits)
    compiler.require(waiting)
    for batch in batches(model, items, prompts_as_rows(items)):
        if not waiting:
            return
        ids = batch.ids.to(model.device)
        with torch.no_grad():
            before = final_stream(model, ids, {})
            waiting = [
                edit
                for edit in waiting
                if not moves(before, final_stream(model, ids, compiler.changes([edit], batch)), batch)
            ]
    if waiting:
        raise SemphaseError(
            f"{waiting[0]} moves nothing in {model.name} on {len(items)} prompts; check its layers, heads and positions, or "
            "say that it must move nothing."
        )
