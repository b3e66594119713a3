"""The weights of every head, of embedding and unembedding, and other query weights written into the model for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from semphase.errors import SemphaseError
from semphase.models import Model

Rows = Float[Tensor, "out d_model"]
"""A projection's weight with one row for each output, as nn.Linear keeps it."""
Parts = tuple[
    Float[Tensor, "head d_model d_head"], Float[Tensor, "kv d_model d_head"], Float[Tensor, "kv d_model d_head"]
]
"""Queries of every head, keys and values of every key head."""
Kind = Literal["query", "key", "value", "output", "embedding", "unembedding"]
KINDS: tuple[Kind, ...] = get_args(Kind)
OUTPUTS = ("o_proj", "out_proj", "c_proj", "dense")
"""Names of the projection that writes what the heads give to the stream."""


@dataclass(frozen=True, slots=True, eq=False)
class HeadWeights:
    """W_Q and W_K of every head, in float64: q = x W_Q + bias before positions and query-key norms.

    Query heads that share a key head have the same W_K, each its own entry.
    """

    queries: Float[np.ndarray, "layer head d_model d_head"]
    keys: Float[np.ndarray, "layer head d_model d_head"]


def head_weights(model: Model) -> HeadWeights:
    """The query and key weights of a model; SemphaseError for a family whose projections are not known."""
    queries, keys = [], []
    for query, key, _ in _views(model):
        queries.append(query.detach().double().cpu().numpy())
        keys.append(key.detach().double().cpu().numpy().repeat(len(query) // len(key), axis=0))
    return HeadWeights(np.stack(queries), np.stack(keys))


def weight(model: Model, kind: Kind, layer: int | None = None, head: int | None = None) -> Float[np.ndarray, "*shape"]:
    """One of the model's matrices, in its own precision, float32 where that is less.

    | kind | shape | what it does |
    |---|---|---|
    | `query`, `key`, `value` | [d_model, d_head] | x W is the query, key or value, before bias, positions and norms |
    | `output` | [d_head, d_model] | z W is what the head adds to the stream, before bias and norms |
    | `embedding`, `unembedding` | [vocabulary, d_model] | a row for each token |

    Without `head` those of all heads of the layer [head, …]; keys and values are counted by key heads, which are fewer
    where query heads share them. Raises SemphaseError for a kind, layer or head that there is not.
    """
    if kind not in KINDS:
        raise SemphaseError(f"there is no weight {kind!r}; choose {', '.join(KINDS)}.")
    if kind in ("embedding", "unembedding"):
        module = model.anatomy.embed if kind == "embedding" else model.anatomy.unembed
        found = module.weight
        assert isinstance(found, Tensor)
        return _numbers(found)
    block = model.anatomy.blocks[_require_index(layer, model.layers, "layer", model)]
    heads = _output(model, block) if kind == "output" else _parts(model, block)[KINDS.index(kind)]
    return _numbers(heads if head is None else heads[_require_index(head, len(heads), "head", model)])


def _numbers(found: Tensor) -> np.ndarray:
    wide = torch.promote_types(found.dtype, torch.float32)
    return found.detach().to("cpu", wide, copy=True).numpy()


def _require_index(number: int | None, count: int, what: str, model: Model) -> int:
    if number is None or not 0 <= number < count:
        raise SemphaseError(f"{model.name} has no {what} {number}; choose from 0 to {count - 1}.")
    return number


@contextmanager
def with_queries(model: Model, queries: Float[np.ndarray, "layer head d_model d_head"]) -> Iterator[None]:
    """Inside the block the model has these W_Q; afterwards its own again, bit for bit.

    Keys, values and all biases stay. Raises SemphaseError for weights of another shape.
    """
    views = [query for query, _, _ in _views(model)]
    shape = (len(views), *views[0].shape)
    if queries.shape != shape:
        raise SemphaseError(f"query weights of {model.name} have the shape {shape}, not {queries.shape}.")
    own = [view.detach().clone() for view in views]
    try:
        _write(views, list(torch.from_numpy(np.ascontiguousarray(queries))))
        yield
    finally:
        _write(views, own)


def _write(views: list[Tensor], values: list[Tensor]) -> None:
    with torch.no_grad():
        for view, value in zip(views, values, strict=True):
            view.copy_(value)


def _views(model: Model) -> list[Parts]:
    """Each layer's W_Q, W_K and W_V as views of the model's own parameters."""
    return [_parts(model, block) for block in model.anatomy.blocks]


def _parts(model: Model, block: nn.Module) -> Parts:
    named = {name.rpartition(".")[2]: part for name, part in block.named_modules()}
    fused = FUSED.get(model.family)
    if fused is not None and fused[0] in named:
        return fused[1](_rows(named[fused[0]]), model.heads)
    if not {"q_proj", "k_proj", "v_proj"} <= named.keys():
        raise _unknown(model)
    query, key, value = (_rows(named[name]) for name in ("q_proj", "k_proj", "v_proj"))
    d_head = _head_size(model)
    # A gate beside the queries makes q_proj taller than its heads.
    if len(query) != model.heads * d_head or len(key) % d_head:
        raise _unknown(model)
    return _by_head(query, d_head), _by_head(key, d_head), _by_head(value, d_head)


def _head_size(model: Model) -> int:
    return getattr(model.module.config.get_text_config(), "head_dim", None) or model.d_model // model.heads


def _output(model: Model, block: nn.Module) -> Float[Tensor, "head d_head d_model"]:
    """W_O of a block's heads: what a head gives, times this, is what it adds to the stream before any norm and bias."""
    named = [(name.lower().split("."), part) for name, part in block.named_modules()]
    found = [part for path, part in named if path[-1] in OUTPUTS and any("att" in name for name in path[:-1])]
    if len(found) != 1:
        raise _unknown(model)
    rows = _rows(found[0])
    return rows.unflatten(1, (model.heads, -1)).permute(1, 2, 0)


def _rows(projection: nn.Module) -> Rows:
    weight = projection.weight
    assert isinstance(weight, Tensor)
    return weight.T if isinstance(projection, Conv1D) else weight


def _by_head(rows: Rows, d_head: int) -> Float[Tensor, "head d_model d_head"]:
    return rows.unflatten(0, (-1, d_head)).transpose(1, 2)


def _stacked(rows: Rows, heads: int) -> Parts:
    """All queries, then all keys, then all values."""
    query, key, value = rows.unflatten(0, (3, heads, -1)).transpose(2, 3)
    return query, key, value


def _interleaved(rows: Rows, heads: int) -> Parts:
    """Query, key and value of the first head, then of the second."""
    by_head = rows.unflatten(0, (heads, 3, -1)).transpose(2, 3)
    return by_head[:, 0], by_head[:, 1], by_head[:, 2]


FUSED: dict[str, tuple[str, Callable[[Rows, int], Parts]]] = {
    "gpt2": ("c_attn", _stacked),
    "gpt_neox": ("query_key_value", _interleaved),
}
"""Families with one projection for queries, keys and values: its name and its layout."""


def _unknown(model: Model) -> SemphaseError:
    return SemphaseError(
        f"the attention projections of {model.name} ({model.family}) are not where they are known to be, so its "
        "heads' weights cannot be read; choose a model of a family such as gpt2, llama, qwen2, gemma3_text or opt."
    )
