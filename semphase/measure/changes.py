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
        outputs, chosen = seen.outputs.clone(), list(self.heads)
        outputs[:, :, chosen] = 0 if self.by is None else self.by.outputs[chosen].to(outputs.dtype)
        return outputs


@dataclass(frozen=True)
class Reformed:
    """Some heads with another form of attention than softmax."""

    heads: Heads
    form: str

    def __call__(self, seen: Attending) -> Outputs:
        """The outputs of all heads of the layer, [batch, position, head, d_head]."""
        outputs, chosen = seen.outputs.clone(), list(self.heads)
        outputs[:, :, chosen] = reformed(seen, chosen, self.form)
        return outputs


@dataclass(frozen=True)
class Together:
    """Several changes of different heads of one layer."""

    parts: tuple[Ablated | Reformed, ...]

    def __call__(self, seen: Attending) -> Outputs:
        """The outputs of all heads of the layer, [batch, position, head, d_head]."""
        outputs = seen.outputs.clone()
        for part in self.parts:
            chosen = list(part.heads)
            outputs[:, :, chosen] = part(seen)[:, :, chosen]
        return outputs


def reformed(seen: Attending, heads: list[int], form: str) -> Float[Tensor, "batch position chosen d_value"]:
    """Outputs of the chosen heads under another form; the heads are taken one at a time to bound memory."""
    made = [seen.weighted(FORMS[form](seen, [head]), [head]) for head in heads]
    return torch.cat(made, dim=2)


def _visible_scores(seen: Attending, heads: list[int]) -> Scores:
    return seen.scores(heads).masked_fill(~seen.visible_to(heads), 0)


def _softmax(seen: Attending, heads: list[int]) -> Scores:
    return seen.scores(heads).masked_fill(~seen.visible_to(heads), float("-inf")).softmax(dim=-1)


def _identity_l1(seen: Attending, heads: list[int]) -> Scores:
    scores = _visible_scores(seen, heads)
    return scores / _positive(scores.abs().sum(dim=-1, keepdim=True))


def _relu(seen: Attending, heads: list[int]) -> Scores:
    return _normalised(_visible_scores(seen, heads).relu())


def _absolute(seen: Attending, heads: list[int]) -> Scores:
    return _normalised(_visible_scores(seen, heads).abs())


def _product(seen: Attending, heads: list[int]) -> Scores:
    own, partner = _visible_scores(seen, heads), _visible_scores(seen, _partners(seen, heads))
    return _normalised(own.relu() * partner.relu())


def _threshold(seen: Attending, heads: list[int]) -> Scores:
    own, partner = _crossed(seen, heads), _crossed(seen, _partners(seen, heads))
    return _normalised((own & partner).to(seen.query.dtype))


def _crossed(seen: Attending, heads: list[int]) -> Tensor:
    scores = _visible_scores(seen, heads)
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
    "identity": _visible_scores,
    "identity-l1": _identity_l1,
    "relu": _relu,
    "absolute": _absolute,
    "product": _product,
    "threshold": _threshold,
}
CROSSING = ("product", "threshold")
"""Forms that read the scores of two heads."""
