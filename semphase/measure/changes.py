"""Changes of attention: heads ablated, scaled, or given another form than softmax.

Every form maps the scores S = q·k·scaling of the visible keys (shape [batch, head, position, key], keys after the
position left out) to weights W of that shape; the head's output is W v (001, exp10 E and F).

| form | weights |
|---|---|
| `softmax` | exp S / Σ exp S |
| `identity` | S |
| `identity-l1` | S / Σ abs S |
| `relu` | max(S, 0) / Σ max(S, 0) |
| `absolute` | abs S / Σ abs S |
| `product` | R_h R_p / Σ R_h R_p, with R = max(S, 0) and p the partner of head h |
| `threshold` | T_h T_p / Σ T_h T_p, with T = 1 where S reaches its mean over the visible keys, else 0 |

The last two are the crossing forms: several heads' linear functions of the key, multiplied, or counted where they
cross a threshold together. The partner of a head is the next one of its layer, the first one for the last. A
position where all weights are 0 gets the output 0. A layer with one head crosses it with itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from semphase.measure.attention import Attending, Outputs

Heads = tuple[int, ...]
Scores = Float[Tensor, "batch chosen position key"]
Form = Callable[[Attending, list[int]], Scores]
QUERIES = 128
"""A block; longer ones multiply more keys that none of theirs may see, shorter ones make products small."""
SCORES = 2**25
"""At most so many are held at a time."""


@dataclass(frozen=True, eq=False)
class Constant:
    """A fixed output for every head of a layer."""

    outputs: Float[Tensor, "head d_head"]


@dataclass(frozen=True)
class Ablated:
    """The outputs of some heads replaced by a constant, or by 0."""

    heads: Heads
    by: Constant | None = None

    def __call__(self, seen: Attending) -> Outputs:
        """The outputs of all heads of the layer, [batch, position, head, d_head]."""
        return Together((self,))(seen)

    def chosen(self, seen: Attending) -> Tensor:
        """What the changed heads give, as far as it can be broadcast to [batch, position, chosen, d_head]."""
        if self.by is None:
            return seen.like.new_zeros(())
        return self.by.outputs[list(self.heads)].to(seen.like.dtype)


@dataclass(frozen=True)
class Reformed:
    """Some heads with another form of attention than softmax."""

    heads: Heads
    form: str

    def __call__(self, seen: Attending) -> Outputs:
        """The outputs of all heads of the layer, [batch, position, head, d_head]."""
        return Together((self,))(seen)

    def chosen(self, seen: Attending) -> Tensor:
        """What the changed heads give, [batch, position, chosen, d_head]."""
        return reformed(seen, list(self.heads), self.form)


@dataclass(frozen=True)
class Together:
    """Several changes of different heads of one layer; attention is not worked out for heads that are changed."""

    parts: tuple[Ablated | Reformed, ...]

    def __call__(self, seen: Attending) -> Outputs:
        """The outputs of all heads of the layer, [batch, position, head, d_head]."""
        outputs = seen.blank()
        changed = {head for part in self.parts for head in part.heads}
        if kept := [head for head in range(seen.heads) if head not in changed]:
            outputs[:, :, kept] = seen.outputs_of(kept)
        for part in self.parts:
            outputs[:, :, list(part.heads)] = part.chosen(seen)
        return outputs


def reformed(seen: Attending, heads: list[int], form: str) -> Float[Tensor, "batch position chosen d_value"]:
    """Outputs of the chosen heads under another form, a block of queries at a time to bound memory."""
    batch, _, positions, _ = seen.query.shape
    size = max(1, min(QUERIES, SCORES // (batch * len(heads) * seen.key.shape[2])))
    parts = [seen.queries(start, start + size) for start in range(0, positions, size)]
    return torch.cat([part.weighted(FORMS[form](part, heads), heads) for part in parts], dim=1)


def _softmax(seen: Attending, heads: list[int]) -> Scores:
    return seen.softmax(heads)


def _identity_l1(seen: Attending, heads: list[int]) -> Scores:
    scores = seen.visible_scores(heads)
    return scores / _positive(scores.abs().sum(dim=-1, keepdim=True))


def _relu(seen: Attending, heads: list[int]) -> Scores:
    return _normalised(seen.visible_scores(heads).relu())


def _absolute(seen: Attending, heads: list[int]) -> Scores:
    return _normalised(seen.visible_scores(heads).abs())


def _product(seen: Attending, heads: list[int]) -> Scores:
    own, partner = seen.visible_scores(heads), seen.visible_scores(_partners(seen, heads))
    return _normalised(own.relu() * partner.relu())


def _threshold(seen: Attending, heads: list[int]) -> Scores:
    own, partner = _crossed(seen, heads), _crossed(seen, _partners(seen, heads))
    return _normalised((own & partner).to(seen.query.dtype))


def _crossed(seen: Attending, heads: list[int]) -> Tensor:
    scores = seen.visible_scores(heads)
    visible = seen.visible_to(heads)
    mean = scores.sum(dim=-1, keepdim=True) / visible.sum(dim=-1, keepdim=True)
    return (scores >= mean) & visible


def _partners(seen: Attending, heads: list[int]) -> list[int]:
    return [(head + 1) % seen.heads for head in heads]


def _normalised(weights: Scores) -> Scores:
    return weights / _positive(weights.sum(dim=-1, keepdim=True))


def _positive(total: Tensor) -> Tensor:
    return torch.where(total == 0, torch.ones_like(total), total)


FORMS: Mapping[str, Form] = {
    "softmax": _softmax,
    "identity": Attending.visible_scores,
    "identity-l1": _identity_l1,
    "relu": _relu,
    "absolute": _absolute,
    "product": _product,
    "threshold": _threshold,
}
CROSSING = ("product", "threshold")
"""Forms that read the scores of two heads."""
