"""The logit lens: what final norm and unembedding make of a stream at any layer (nostalgebraist 2020; 001, exp2)."""

from __future__ import annotations

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float

from semphase.errors import SemphaseError
from semphase.measure.losses import unembedding
from semphase.measure.measurement import measurement
from semphase.models import Model

ROWS = 256


@measurement(version=1)
def logit_lens_top1(model: Model, stream: Float[np.ndarray, "prompt layer d"]) -> xr.Dataset:
    """Top-1 token of final norm and unembedding applied to each layer's stream: `top1` (prompt, layer)."""
    flat = torch.from_numpy(np.ascontiguousarray(stream)).reshape(-1, stream.shape[-1])
    chosen = []
    with torch.inference_mode():
        for rows in flat.split(ROWS):
            normed = model.anatomy.final_norm(rows.to(model.device, model.dtype))
            chosen.append(model.anatomy.unembed(normed).argmax(dim=-1).cpu())
    top1 = torch.cat(chosen).reshape(stream.shape[:2]).numpy()
    return xr.Dataset({"top1": (("prompt", "layer"), top1)}, attrs={"unit": "token id"})


def read_out(model: Model, stream: Float[np.ndarray, "*any d"]) -> Float[np.ndarray, "*any vocabulary"]:
    """Logits of any streams through final norm and unembedding, scaled and capped as the family does it; float32.

    A few rows are read at a time, so only the result has the size of all logits. Raises SemphaseError for a last axis
    of another width than the model's.
    """
    if stream.shape[-1:] != (model.d_model,):
        raise SemphaseError(
            f"a stream of {model.name} has {model.d_model} components on its last axis and this has the shape "
            f"{list(stream.shape)}."
        )
    flat = torch.from_numpy(np.ascontiguousarray(stream)).reshape(-1, model.d_model)
    readout, found = unembedding(model), []
    with torch.no_grad():
        for rows in flat.split(ROWS):
            logits = readout.all(model.anatomy.final_norm(rows.to(model.device, model.dtype)))
            found.append(logits.float().cpu())
    return np.asarray(torch.cat(found)).reshape(*stream.shape[:-1], -1)


def read_out_labelled(model: Model, stream: xr.DataArray) -> xr.DataArray:
    """`read_out` of an array whose axis `d`, wherever it stands, becomes `vocabulary` at the end."""
    if not isinstance(stream, xr.DataArray):
        raise SemphaseError("readout takes labelled streams as `read` gives them; name the axis d of yours in xarray.")
    if "d" not in stream.dims:
        raise SemphaseError(f"a stream has the axis d and this array has {', '.join(map(str, stream.dims))}.")
    last = stream.transpose(..., "d")
    found = read_out(model, last.values)
    coordinates = {name: values for name, values in last.coords.items() if "d" not in values.dims}
    return xr.DataArray(found, dims=(*last.dims[:-1], "vocabulary"), coords=coordinates, attrs={"unit": "logits"})
