"""Softmax attention of one query: without copies of the keys that several heads share."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from semphase.measure.attention import Attending, Outputs

Query = Float[Tensor, "row head 1 d"]
Keys = Float[Tensor, "row kv key d"]
Visible = Bool[Tensor, "row #head 1 key"]


def one_query_outputs(seen: Attending) -> Outputs:
    """The heads' outputs under the model's own softmax attention, for one position in each row."""
    return attend(seen.query, seen.key, seen.value, seen.mask, seen.scaling, seen.softcap, seen.sinks)


def attend(
    query: Query,
    key: Keys,
    value: Float[Tensor, "row kv key d_value"],
    mask: Visible | None,
    scaling: float,
    softcap: float | None,
    sinks: Float[Tensor, " head"] | None,
) -> Outputs:
    """softmax(q·k·scaling) v, [row, 1, head, d_value]; heads that share a key head lie beside each other."""
    rows, heads, _, d = query.shape
    # As if they were positions of their key head, which needs no copies of keys and one kernel for all.
    grouped = query.reshape(rows, key.shape[1], -1, d)
    own = mask if mask is None or mask.shape[1] == 1 else mask.reshape(rows, key.shape[1], -1, mask.shape[-1])
    if softcap is None and sinks is None:
        return scaled_dot_product_attention(grouped, key, value, own, scale=scaling).reshape(rows, 1, heads, -1)
    scores = grouped * scaling @ key.transpose(-1, -2)
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    if own is not None:
        scores = scores.masked_fill(~own, float("-inf"))
    if sinks is not None:
        sunk = sinks.to(scores.dtype).view(key.shape[1], -1, 1).expand(rows, -1, -1, 1)
        scores = torch.cat([scores, sunk], dim=-1)
    weights = scores.softmax(dim=-1, dtype=torch.promote_types(scores.dtype, torch.float32)).to(value.dtype)
    return (weights[..., : value.shape[2]] @ value).reshape(rows, 1, heads, -1)
