"""The logit lens: which token the unembedding would choose at each layer (001, exp2)."""

from __future__ import annotations

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float

from semphase.models import Model

ROWS = 256


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
