"""Kernelised causal attention in O(n), and the same by the n × n matrix.

A feature map φ replaces the softmax: position i gives the key j ≤ i the weight φ(q_i)·φ(k_j)·scaling, and its output
is the sum of the values under these weights, divided by the sum of the weights where the map is normalised
(Katharopoulos et al. 2020, "Transformers are RNNs", eq. 8–12). The keys then enter only through the sums of
φ(k_j) v_jᵀ, which later positions carry on.

| map | φ(x) | normalised |
|---|---|---|
| `identity` | x | no: the form `identity` of `semphase.measure.changes` |
| `elu` | elu(x) + 1 | yes (Katharopoulos et al. 2020) |
| `relu` | max(x, 0), of each feature and not of the score | yes |

Where all weights of a position are 0, a normalised map gives the output 0. The scaling cancels in normalised maps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

CHUNK = 128
"""Positions that attend to each other by a matrix; what came before them is one state of d_head × d_value."""
SEGMENT = 16 * CHUNK
"""Positions worked on at a time: the matrices and states of their chunks are all the memory that is needed."""

Query = Float[Tensor, "batch head position d_head"]
Key = Float[Tensor, "batch kv position d_head"]
Value = Float[Tensor, "batch kv position d_value"]
Output = Float[Tensor, "batch head position d_value"]
Chunks = Float[Tensor, "batch head chunk inside d"]
Summed = Float[Tensor, "batch head position d_summed"]
"""Values, or sums of them, with a column for the sum of the weights where the map is normalised."""
State = Float[Tensor, "batch head 1 d_head d_summed"]


@dataclass(frozen=True, slots=True)
class FeatureMap:
    """φ, and whether the weights that it makes are divided by their sum."""

    phi: Callable[[Float[Tensor, "*any"]], Float[Tensor, "*any"]]
    normalised: bool


FEATURE_MAPS: Mapping[str, FeatureMap] = {
    "identity": FeatureMap(lambda x: x, normalised=False),
    "elu": FeatureMap(lambda x: functional.elu(x) + 1, normalised=True),
    "relu": FeatureMap(functional.relu, normalised=True),
}


def kernelised(query: Query, key: Key, value: Value, feature_map: str, scaling: float) -> Output:
    """Causal attention under a feature map as prefix sums: O(n) time, and no memory that grows beside the output.

    Inside a chunk the weights are a matrix; the chunks before it come in by their summed states. Keys and values
    may have fewer heads than queries. Sums are taken in float32 at least; the output has the query's dtype.
    """
    made: list[Output] = []
    state: State | None = None
    for q, k, v in zip(*(x.split(SEGMENT, dim=2) for x in (query, key, value)), strict=True):
        summed, state = _segment(*_features(q, k, v, feature_map, scaling), state)
        made.append(_outputs(summed, feature_map).to(query.dtype))
    return torch.cat(made, dim=2)


def quadratic(query: Query, key: Key, value: Value, feature_map: str, scaling: float) -> Output:
    """What `kernelised` gives, by the n × n matrix of all weights."""
    q, k, v = _features(query, key, value, feature_map, scaling)
    return _outputs((q @ k.transpose(-1, -2)).tril_() @ v, feature_map).to(query.dtype)


def kernelised_flops(n: int, heads: int, d_head: int) -> int:
    """Floating point operations of `kernelised` on n tokens: those of its matrix products.

    A multiplication and an addition count as one each. Every position adds φ(k) vᵀ to a state and multiplies its
    φ(q) with one, d_head² of both each time, and takes a score and a weighted value of d_head of both for every key
    of its chunk up to itself. Feature maps, normalisation and the sums over chunks are left out, and so is the
    masked half of a chunk, although a matrix product works it out.
    """
    whole, rest = divmod(n, CHUNK)
    return heads * (4 * d_head**2 * n + 4 * d_head * (whole * _pairs(CHUNK) + _pairs(rest)))


def softmax_flops(n: int, heads: int, d_head: int) -> int:
    """Floating point operations of causal softmax attention on n tokens: those of its matrix products.

    A score and a weighted value of d_head multiplications and additions each, for every position and each key up
    to itself; the masked half and the exponentials are left out.
    """
    return heads * 4 * d_head * _pairs(n)


def _pairs(n: int) -> int:
    return n * (n + 1) // 2


def _features(query: Query, key: Key, value: Value, feature_map: str, scaling: float) -> tuple[Query, Query, Summed]:
    """φ(q)·scaling, φ(k), and v with a column of ones where the map is normalised; one key head for each query's."""
    chosen, dtype = FEATURE_MAPS[feature_map], torch.promote_types(query.dtype, torch.float32)
    group = query.shape[1] // key.shape[1]
    k, v = (x.to(dtype).repeat_interleave(group, dim=1) if group > 1 else x.to(dtype) for x in (key, value))
    return chosen.phi(query.to(dtype)) * scaling, chosen.phi(k), functional.pad(v, (0, int(chosen.normalised)), value=1)


def _segment(query: Query, key: Query, value: Summed, state: State | None) -> tuple[Summed, State]:
    """Weighted sums of one segment, and the state after it."""
    q, k, v = _chunks(query), _chunks(key), _chunks(value)
    added = k.transpose(-1, -2) @ v
    before = torch.zeros_like(added[:, :, :1]) if state is None else state
    states = torch.cat([before, added], dim=2).cumsum(dim=2)
    summed = (q @ k.transpose(-1, -2)).tril_() @ v
    summed += q @ states[:, :, :-1]
    return summed.flatten(2, 3)[:, :, : query.shape[2]], states[:, :, -1:]


def _chunks(x: Float[Tensor, "batch head position d"]) -> Chunks:
    """Chunks of positions; zeros fill the last one, after all positions that could see them."""
    return functional.pad(x, (0, 0, 0, -x.shape[2] % CHUNK)).unflatten(2, (-1, CHUNK))


def _outputs(summed: Summed, feature_map: str) -> Output:
    if not FEATURE_MAPS[feature_map].normalised:
        return summed
    total = summed[..., -1:]
    return summed[..., :-1] / total.masked_fill(total == 0, 1)
