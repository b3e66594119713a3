"""Tokens per second of a generation under some edits, apart from reading the prompt."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float

from semphase.measure.batching import Row
from semphase.measure.compiling import Compiler
from semphase.measure.edit_base import Edit
from semphase.measure.generating.continuing import Continued
from semphase.measure.generating.flops import Cost
from semphase.measure.generating.steps import Remembered
from semphase.measure.items import Items
from semphase.measure.timing import wait_for
from semphase.models import Model

READ = 8


def decoding_rates(
    model: Model,
    edits: Mapping[str, Sequence[Edit]],
    batch: int,
    context: int,
    steps: int,
    repeats: int,
    seed: int,
    advance: Callable[[int], None] = lambda _: None,
) -> Float[np.ndarray, "kind repeat"]:
    """Tokens per second of `batch` rows that end at `context` positions, `steps` of them, by each list of edits in turn.

    Only the first few tokens of a row are read, the positions between hold keys of 0: what was read does not matter to
    the clock. A busy moment of the machine hits all kinds.
    """
    generator = torch.Generator().manual_seed(seed)
    ids = tuple(torch.randint(model.vocabulary, (READ,), generator=generator).tolist())
    left = context - READ - steps - 1
    rates = np.empty((len(edits), repeats + 1))
    for repeat in range(repeats + 1):  # the first one warms up
        for kind, own in enumerate(edits.values()):
            rates[kind, repeat] = batch * steps / _seconds(model, own, ids, left, batch, steps)
        advance(1)
    return rates[:, 1:]


def _seconds(model: Model, edits: Sequence[Edit], ids: tuple[int, ...], left: int, rows: int, steps: int) -> float:
    items = Items((ids,), (len(ids) - 1,))
    prompt, room = Continued(items, (Row(0),)), left + steps + 1
    with torch.no_grad(), Remembered(Compiler(model, items), edits, prompt, rows, room) as run:
        tokens = run.begin().argmax(dim=-1)
        run.now.leave(left)
        tokens = run.step(tokens).argmax(dim=-1)
        wait_for(model.device)
        begin = time.perf_counter()
        for _ in range(steps):
            tokens = run.step(tokens).argmax(dim=-1)
        wait_for(model.device)
        return time.perf_counter() - begin


def cost_of(model: Model, edits: Sequence[Edit], context: int) -> Cost:
    """What a token costs under some edits, in a text of up to so many tokens."""
    items = Items(((0,),), (0,))
    with Remembered(Compiler(model, items), edits, Continued(items, (Row(0),)), 1, context - 1) as run:
        return run.cost
