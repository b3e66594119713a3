"""How a stream is read before it is compared with e_diff: as it is, behind the final norm, or with its mean taken off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float

from semphase.errors import NotApplicable, SemphaseError
from semphase.measure.targets import Target
from semphase.models import Model
from semphase.models.model import bos_token
from semphase.study.study import Study

ROWS = 4096


def as_read(study: Study, captured: xr.Dataset) -> xr.Dataset:
    """The captured streams as the study's universe reads them.

    Raises NotApplicable where processed weights write what raw ones do, in models whose norms take no mean off.
    """
    match study.choice("stream"):
        case "final norm":
            # A norm is no sum: what attention writes has no share behind it, and stays.
            normed = final_normed(study.model, captured["stream"].values)
            return captured.assign(stream=(captured["stream"].dims, normed))
        case "centred":
            _require_layer_norm(study.tokenizing_model)
            return captured.map(lambda own: own - own.mean("d", dtype=np.float64).astype(np.float32))
        case _:
            return captured


def final_normed(model: Model, stream: Float[np.ndarray, "prompt layer d"]) -> Float[np.ndarray, "prompt layer d"]:
    """Streams [prompt, layer, d] behind the model's final norm, float32."""
    flat, norm = torch.from_numpy(np.ascontiguousarray(stream)).reshape(-1, stream.shape[-1]), model.anatomy.final_norm
    with torch.no_grad():
        found = [norm(rows.to(model.device, model.dtype)).float().cpu() for rows in flat.split(ROWS)]
    return np.asarray(torch.cat(found)).reshape(stream.shape)


def with_other_start(model: Model, targets: Sequence[Target]) -> tuple[Target, ...]:
    """The prompts with a BOS token in front where there was none, and without it where there was one.

    Raises NotApplicable for a model that has none.
    """
    try:
        bos = bos_token(model.module, model.tokenizer)
    except SemphaseError:
        raise NotApplicable(f"{model.name} has no BOS token") from None

    def other(target: Target) -> Target:
        if target.tokens[0] == bos:
            return replace(target, tokens=target.tokens[1:], position=target.position - 1)
        return replace(target, tokens=(bos, *target.tokens), position=target.position + 1)

    return tuple(map(other, targets))


def _require_layer_norm(model: Model) -> None:
    if "LayerNorm" not in type(model.anatomy.final_norm).__name__ or "RMS" in type(model.anatomy.final_norm).__name__:
        raise NotApplicable(
            f"the norms of {model.name} take no mean off, so processed weights write the same streams as raw ones"
        )
