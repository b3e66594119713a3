"""What the attention of one layer sees, and the outputs of its heads.

A change is a function from the one to the other, before the output projection. It works unchanged on every family that
goes through transformers' attention interface (`semphase.measure.seam`), whatever its positions, grouped keys, windows,
norms and sinks, because those are applied before or handed over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

Outputs = Float[Tensor, "batch position head d_head"]


def softmax_outputs(seen: Attending) -> Outputs:
    """The heads' outputs under the model's own softmax attention."""
    if not seen.plain:
        return seen.weighted(seen.softmax())
    if seen.mask is None and seen.group > 1 and not groups_fused(seen.query.device, seen.query.dtype):
        return _ungrouped(seen)
    attend = ALL_ATTENTION_FUNCTIONS["sdpa"]
    own = seen.query, seen.key, seen.value, seen.mask
    found: Tensor = attend(seen.module, *own, scaling=seen.scaling, is_causal=seen.mask is None)[0]
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
    family has scaled its queries, as OPT does), then capped where the model does that. A head's learned sink is a further
    key that every position sees: its score is given, and its value is 0.
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
    sinks: Float[Tensor, " head"] | None = None

    @property
    def rows(self) -> int:
        """How many texts there are."""
        return len(self.query)

    @property
    def like(self) -> Tensor:
        """A tensor of the outputs' dtype, on their device."""
        return self.value

    @property
    def plain(self) -> bool:
        """Whether softmax of the scaled scores of the keys is all there is, which fused kernels know."""
        return self.softcap is None and self.sinks is None

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
        sinks = self.sinks if self.sinks is None else self.sinks[own]
        key, value = self.key[:, groups], self.value[:, groups]
        part = replace(self, query=self.query[:, own], key=key, value=value, mask=mask, sinks=sinks)
        return part.outputs[:, :, [own.index(head) for head in heads]]

    def blank(self) -> Outputs:
        """Room for the outputs of all heads."""
        batch, _, positions, _ = self.query.shape
        return self.value.new_empty(batch, positions, self.heads, self.value.shape[-1])

    def on(self, device: torch.device) -> Attending:
        """The same on a device."""
        if self.query.device == device:
            return self
        mask, sinks = (None if own is None else own.to(device) for own in (self.mask, self.sinks))
        query, key, value = (own.to(device) for own in (self.query, self.key, self.value))
        return replace(self, query=query, key=key, value=value, mask=mask, sinks=sinks)

    def of_rows(self, rows: slice) -> Attending:
        """What some of the texts see."""
        mask = self.mask if self.mask is None or len(self.mask) == 1 else self.mask[rows]
        return replace(self, query=self.query[rows], key=self.key[rows], value=self.value[rows], mask=mask)

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

    def visible_to(self, heads: list[int]) -> Bool[Tensor, "#batch #chosen position scored"]:
        """The same for some heads, the sink with them."""
        visible = self.visible if self.visible.shape[1] == 1 else self.visible[:, heads]
        return visible if self.sinks is None else functional.pad(visible, (0, 1), value=True)

    def scores(self, heads: list[int] | None = None) -> Float[Tensor, "batch chosen position scored"]:
        """q·k·scaling of the chosen heads (all by default), not masked; that of the sink comes last."""
        chosen = self._all if heads is None else heads
        return self._with_sinks(self._scores(chosen), chosen)

    def visible_scores(self, heads: list[int]) -> Float[Tensor, "batch chosen position scored"]:
        """The same, 0 where a key is hidden."""
        if self.mask is None:  # of a triangle half needs no reading
            scores = self._scores(heads)
            return self._with_sinks(scores.tril_(scores.shape[-1] - scores.shape[-2]), heads)
        return self.scores(heads).masked_fill_(~self.visible_to(heads), 0)

    def softmax(self, heads: list[int] | None = None) -> Float[Tensor, "batch chosen position scored"]:
        """The weights of softmax attention, the sink's last."""
        chosen = self._all if heads is None else heads
        return self.scores(chosen).masked_fill_(~self.visible_to(chosen), float("-inf")).softmax(dim=-1)

    def weighted(
        self, weights: Float[Tensor, "batch chosen position scored"], heads: list[int] | None = None
    ) -> Float[Tensor, "batch position chosen d_value"]:
        """Values weighted by attention weights of the chosen heads; a sink has none."""
        chosen = self._all if heads is None else heads
        values = self._of(self.value, chosen)
        return (weights[..., : values.shape[2]].to(values.dtype) @ values).transpose(1, 2)

    def _scores(self, heads: list[int]) -> Float[Tensor, "batch chosen position key"]:
        keys, query = self._of(self.key, heads), self.query if heads == self._all else self.query[:, heads]
        scores = (query * self.scaling) @ keys.transpose(-1, -2)
        return scores if self.softcap is None else self.softcap * torch.tanh(scores / self.softcap)

    def _with_sinks(
        self, scores: Float[Tensor, "batch chosen position key"], heads: list[int]
    ) -> Float[Tensor, "batch chosen position scored"]:
        if self.sinks is None:
            return scores
        sinks = self.sinks[heads].to(scores.dtype)[:, None, None].expand(*scores.shape[:3], 1)
        return torch.cat([scores, sinks], dim=-1)

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
