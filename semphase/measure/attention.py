"""The one seam through which attention is changed: an attention function of transformers' interface.

A change is a function from what one layer's attention sees to the outputs of its heads, before the output
projection. It works unchanged on every family that goes through the interface, whatever its positions, grouped
keys, windows and norms, because those are applied before the seam.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import sdpa_mask
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from semphase.errors import SemphaseError
from semphase.models import Model
from semphase.models.remembered import remembered

NAME = "semphase"
Outputs = Float[Tensor, "batch position head d_head"]


def softmax_outputs(seen: Attending) -> Outputs:
    """The heads' outputs under the model's own softmax attention."""
    if seen.softcap is not None:
        return seen.weighted(seen.scores().masked_fill(~seen.visible, float("-inf")).softmax(dim=-1))
    if seen.mask is None and seen.group > 1 and not groups_fused(seen.query.device, seen.query.dtype):
        return _ungrouped(seen)
    attend = ALL_ATTENTION_FUNCTIONS["sdpa"]
    found: Tensor = attend(seen.module, seen.query, seen.key, seen.value, seen.mask, scaling=seen.scaling)[0]
    return found


def groups_fused(device: torch.device, dtype: torch.dtype) -> bool:
    """Has the device a fused kernel where several query heads share a key?

    On CUDA only those in half precision have; in float32 torch falls back to whole matrices of scores.
    """
    return device.type != "cuda" or dtype in (torch.float16, torch.bfloat16)


def _ungrouped(seen: Attending) -> Outputs:
    """Causal attention with the keys and values of a group once for each of its heads."""
    key, value = (own.repeat_interleave(seen.group, dim=1) for own in (seen.key, seen.value))
    kept = slice(seen.query.shape[2])  # a cache may be longer than what it holds
    causal = seen.query.shape[2] > 1
    if causal:
        key, value = key[:, :, kept], value[:, :, kept]
    outputs = functional.scaled_dot_product_attention(seen.query, key, value, is_causal=causal, scale=seen.scaling)
    return outputs.transpose(1, 2)


@dataclass(frozen=True, eq=False)
class Attending:
    """What the attention of one layer sees: queries, keys and values with positions and norms applied.

    Keys and values may have fewer heads (`group` query heads share one). `mask` is true where a key may be seen,
    by all heads or by each, and None for plain causal attention. Scores are multiplied by `scaling` (1 where the
    family has scaled its queries, as OPT does), then capped where the model does that.
    `attend` makes the outputs of unchanged heads. Keys are the queries' positions and, while text is generated, those
    before them.
    """

    module: nn.Module
    query: Float[Tensor, "batch head position d_head"]
    key: Float[Tensor, "batch kv key d_head"]
    value: Float[Tensor, "batch kv key d_value"]
    mask: (
        Bool[
            Tensor,
            (
                batch  # head position key
            ),
        ]
        | None
    )
    scaling: float
    softcap: float | None = None
    attend: Change = softmax_outputs

    @property
    def heads(self) -> int:
        """Number of query heads."""
        return self.query.shape[1]

    @property
    def group(self) -> int:
        """How many query heads share a key head."""
        return self.query.shape[1] // self.key.shape[1]

    @cached_property
    def outputs(self) -> Outputs:
        """The heads' outputs without a change."""
        return self.attend(self)

    def outputs_of(self, heads: list[int]) -> Float[Tensor, "batch position chosen d_head"]:
        """The same for some heads; attention is worked out for no others than those that share a key head with them."""
        groups = sorted({head // self.group for head in heads})
        if "outputs" in vars(self) or len(groups) == self.key.shape[1]:
            return self.outputs[:, :, heads]
        own = [group * self.group + k for group in groups for k in range(self.group)]
        mask = self.mask if self.mask is None or self.mask.shape[1] == 1 else self.mask[:, own]
        part = replace(self, query=self.query[:, own], key=self.key[:, groups], value=self.value[:, groups], mask=mask)
        return part.outputs[:, :, [own.index(head) for head in heads]]

    def queries(self, start: int, end: int) -> Attending:
        """What the queries from `start` to before `end` see, without the keys behind them where that is told by no mask."""
        query = self.query[:, :, start:end]
        if self.mask is not None:
            return replace(self, query=query, mask=self.mask[:, :, start:end])
        last = self.key.shape[2] - self.query.shape[2] + end  # queries are the last positions
        return replace(self, query=query, key=self.key[:, :, :last], value=self.value[:, :, :last])

    @cached_property
    def visible(self) -> Bool[Tensor, "#batch #head position key"]:
        """Which keys each position may see."""
        if self.mask is not None:
            return self.mask
        queries, keys = self.query.shape[2], self.key.shape[2]
        ones = torch.ones(queries, keys, dtype=torch.bool, device=self.query.device)
        return ones.tril(keys - queries)[None, None]  # queries are the last positions

    def visible_to(self, heads: list[int]) -> Bool[Tensor, "#batch #chosen position key"]:
        """The same for some heads."""
        return self.visible if self.visible.shape[1] == 1 else self.visible[:, heads]

    def scores(self, heads: list[int] | None = None) -> Float[Tensor, "batch chosen position key"]:
        """q·k·scaling of the chosen heads (all by default), not masked."""
        chosen = list(range(self.heads)) if heads is None else heads
        keys, query = self._of(self.key, chosen), self.query if chosen == self._all else self.query[:, chosen]
        scores = (query * self.scaling) @ keys.transpose(-1, -2)
        return scores if self.softcap is None else self.softcap * torch.tanh(scores / self.softcap)

    def visible_scores(self, heads: list[int]) -> Float[Tensor, "batch chosen position key"]:
        """The same, 0 where a key is hidden."""
        scores = self.scores(heads)
        if self.mask is None:  # of a triangle half needs no reading
            return scores.tril_(scores.shape[-1] - scores.shape[-2])
        return scores.masked_fill_(~self.visible_to(heads), 0)

    def weighted(
        self, weights: Float[Tensor, "batch chosen position key"], heads: list[int] | None = None
    ) -> Float[Tensor, "batch position chosen d_value"]:
        """Values weighted by attention weights of the chosen heads."""
        chosen = list(range(self.heads)) if heads is None else heads
        values = self._of(self.value, chosen)
        return (weights.to(values.dtype) @ values).transpose(1, 2)

    @property
    def _all(self) -> list[int]:
        return list(range(self.heads))

    def _of(self, keys: Float[Tensor, "batch kv key d"], heads: list[int]) -> Float[Tensor, "batch chosen key d"]:
        """Keys or values of some heads; without a copy where every head has its own and all are chosen."""
        if self.group == 1 and heads == self._all:
            return keys
        return keys[:, [head // self.group for head in heads]]


Change = Callable[[Attending], Outputs]
Changes = Mapping[int, Change]
"""Changes by layer."""


class _Seam:
    """The changes in force, by attention module, and what makes the outputs of unchanged heads."""

    changes: Mapping[int, Change] = {}
    attend: Change = staticmethod(softmax_outputs)


@contextmanager
def attending(model: Model, changes: Changes, attend: Change = softmax_outputs) -> Iterator[None]:
    """Inside the block, the attention of the layers in `changes` gives what the changes return, others `attend`.

    Raises SemphaseError for a model whose attention does not go through the interface.
    """
    inside = {id(part): change for layer, change in changes.items() for part in model.anatomy.blocks[layer].modules()}
    before = _Seam.changes, _Seam.attend
    with _installed(model):
        _Seam.changes, _Seam.attend = inside, attend
        try:
            yield
        finally:
            _Seam.changes, _Seam.attend = before


@contextmanager
def _installed(model: Model) -> Iterator[None]:
    config = model.module.config
    own = config._attn_implementation
    if own == NAME:
        yield
        return
    _require_interface(model)
    config._attn_implementation = NAME
    try:
        yield
    finally:
        config._attn_implementation = own


@remembered
def _require_interface(model: Model) -> None:
    """Asked once for a model: transformers looks through all its modules, and the answer stays."""
    own = model.module.config._attn_implementation
    try:
        model.module.set_attn_implementation(NAME)
    except (ValueError, KeyError) as refusal:
        raise _refused(model) from refusal
    if model.module.config._attn_implementation != NAME:
        raise _refused(model)
    model.module.set_attn_implementation(own)


def _refused(model: Model) -> SemphaseError:
    return SemphaseError(
        f"the attention of {model.name} ({model.family}) does not go through transformers' attention interface, so "
        "its heads cannot be changed; choose a model of another family."
    )


def _attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,  # noqa: ARG001 - the interface passes it; models are in evaluation mode
    **other: Any,
) -> tuple[Tensor, None]:
    if other.get("s_aux") is not None or other.get("position_bias") is not None:
        raise SemphaseError(
            f"{type(module).__name__} adds sinks or biases to its attention scores, which no change here keeps; "
            "choose a model of another family."
        )
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    seen = Attending(module, query, key, value, attention_mask, scale, other.get("softcap"), _Seam.attend)
    change = _Seam.changes.get(id(module))
    return (seen.outputs if change is None else change(seen)).contiguous(), None


AttentionInterface.register(NAME, _attend)
# Without a mask function of its own, an attention function is silently not causal.
AttentionMaskInterface.register(NAME, sdpa_mask)
