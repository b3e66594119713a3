"""What a study measures on prompts, with the versions that its store knows it by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
import torch
import xarray as xr
from jaxtyping import Bool, Float

from semphase.measure import reading
from semphase.measure.batching import Batch, prompts_as_rows
from semphase.measure.compiling import Compiler
from semphase.measure.edit_base import Edit
from semphase.measure.items import Items
from semphase.measure.looks import Logits, Scored
from semphase.measure.measurement import measurement
from semphase.measure.passes import all_logits, final_stream
from semphase.measure.preflight import preflight
from semphase.measure.reading import Advance
from semphase.measure.scores import Score
from semphase.measure.sites import Site
from semphase.measure.sweeping import groups, swept_group
from semphase.models import Model

LEAST_TOKENS = 16


@measurement(version=1)
def values_at(model: Model, items: Items, *, site: Site, edits: Sequence[Edit], advance: Advance) -> xr.DataArray:
    """Values at a site, [prompt, layer, (position,) (head,) d]."""
    return reading.read(model, items, site, edits, advance)


@measurement(version=1)
def next_logits(model: Model, items: Items, *, edits: Sequence[Edit], advance: Advance) -> xr.DataArray:
    """Logits at each prompt's position, [prompt, vocabulary]."""
    return reading.logits(model, items, edits, advance)


@measurement(version=1)
def prompt_losses(model: Model, items: Items, *, edits: Sequence[Edit], advance: Advance) -> xr.DataArray:
    """−log p in nats of each token, [prompt, position]."""
    return reading.token_losses(model, items, edits, advance)


@measurement(version=1)
def scored(model: Model, items: Items, *, score: Score, edits: Sequence[Edit], advance: Advance) -> xr.DataArray:
    """A score of each prompt in nats, [prompt]."""
    return reading.final(model, items, Scored(score), edits, advance)


@measurement(version=1)
def gradients_at(
    model: Model, items: Items, *, site: Site, score: Score | Literal["loss"], edits: Sequence[Edit], advance: Advance
) -> xr.DataArray:
    """∂score/∂value at a site, laid out as `values_at`."""
    return reading.gradient(model, items, site, score, edits, advance)


@measurement(version=1)
def anything_moves(model: Model, items: Items, *, edits: Sequence[Edit]) -> Bool[np.ndarray, ""]:
    """Do the edits together move any stream of any prompt by more than rounding? One prompt mostly tells; then all."""
    reader, compiler = Logits(), Compiler(model, items)
    first, *rest = reader.rows(items)
    found = (
        moves
        for group in [Batch(items, (first,)), *(groups(model, items, rest) if rest else [])]
        for _, _, moves in swept_group(model, group, {"": edits}, reader, compiler=compiler)
    )
    return np.array(any(found))


def chunk_logits(
    model: Model, items: Items, edits: Sequence[Edit]
) -> Iterator[Float[np.ndarray, "position vocabulary"]]:
    """Logits at every position of one prompt after the other, float32."""
    compiler = Compiler(model, items)
    compiler.require(edits)
    for row in prompts_as_rows(items):
        batch = Batch(items, (row,))
        with torch.no_grad():
            stream = final_stream(model, batch.ids.to(model.device), compiler.changes(edits, batch))
            yield all_logits(model, stream)[0].float().cpu().numpy()


@measurement(version=1)
def seam(model: Model, tokens: tuple[int, ...]) -> Float[np.ndarray, two]:
    """The preflight on one prompt: how far the seam moves the loss unchanged, and with a third of the heads zeroed."""
    repeated = (tokens * -(-LEAST_TOKENS // len(tokens)))[: max(len(tokens), LEAST_TOKENS)]
    return np.array(preflight(model, torch.tensor([repeated[: model.context]])))
