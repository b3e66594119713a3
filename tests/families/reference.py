"""What a family's own code gives with eager attention: streams, and losses with one head of a layer set to 0.

Nothing of the package is used here. Heads are changed by a hook on the family's own output projection, found by its name.
"""

from __future__ import annotations

import copy
import re
import sys
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel

PROJECTION = re.compile(
    r"att.*\b(attn_sub_norm|o_proj|out_proj|c_proj|dense|wo|o|out_lin|linear_proj|output_proj)(\.linear)?$",
    re.IGNORECASE,
)
"""Or a norm of the heads' outputs before it."""


@dataclass(frozen=True, eq=False)
class Eager:
    """A model of so many layers and heads, and tokens that it reads."""

    module: PreTrainedModel
    ids: Int[Tensor, "chunk position"]
    layers: int
    heads: int

    def streams(self) -> list[Float[Tensor, "chunk position d"]]:
        """What enters each block, and what leaves the last."""
        found: list[Tensor] = []

        def enter(_block: nn.Module, args: tuple[Any, ...], named: dict[str, Any]) -> None:
            found.append((args[0] if args else named["hidden_states"]).clone())

        def leave(_block: nn.Module, _args: Any, output: Any) -> None:
            found.append((output[0] if isinstance(output, tuple) else output).clone())

        blocks = self._blocks()
        hooks = [block.register_forward_pre_hook(enter, with_kwargs=True) for block in blocks]
        hooks.append(blocks[-1].register_forward_hook(leave))
        self.loss()
        for hook in hooks:
            hook.remove()
        return found

    def loss(self) -> float:
        """The mean loss in nats."""
        with torch.no_grad():
            logits = self.module(self.ids, use_cache=False).logits
        return float(functional.cross_entropy(logits[:, :-1].flatten(0, 1).double(), self.ids[:, 1:].flatten()))

    def loss_without(self, layer: int, head: int) -> float:
        """The same with a head of a layer set to 0."""
        block = self._blocks()[layer]
        named = [(own[1], part) for name, part in block.named_modules() if (own := PROJECTION.search(name))]
        if not named:
            return self._loss_with_less_attention(block, head)
        first = dict(named).get("attn_sub_norm", named[0][1])
        hook = first.register_forward_pre_hook(lambda _part, args: (self._without(head, args[0]), *args[1:]))
        try:
            return self.loss()
        finally:
            hook.remove()

    def _without(self, head: int, given: Tensor) -> Tensor:
        outputs = given.clone().unflatten(-1, (self.heads, -1))
        outputs[..., head, :] = 0
        return outputs.flatten(-2)

    def _loss_with_less_attention(self, block: nn.Module, head: int) -> float:
        """Where no matrix stands behind the heads: the family's own eager function gives 0 for one."""
        inside = set(block.modules())
        home = sys.modules[type(block).__module__]
        own = home.eager_attention_forward

        def without(part: nn.Module, *args: Any, **named: Any) -> Any:
            outputs, *rest = own(part, *args, **named)
            if part in inside:
                outputs = outputs.clone()
                outputs[:, :, head] = 0
            return outputs, *rest

        home.eager_attention_forward = without
        try:
            return self.loss()
        finally:
            home.eager_attention_forward = own

    def _blocks(self) -> nn.ModuleList:
        """The list of so many parts whose first one ends last: outer ones end behind inner ones."""
        lists = [part for part in self.module.modules() if isinstance(part, nn.ModuleList) and len(part) == self.layers]
        ran: list[nn.Module] = []
        hooks = [own[0].register_forward_hook(lambda part, _args, _out: ran.append(part)) for own in lists]
        self.loss()
        for hook in hooks:
            hook.remove()
        return next(own for own in lists if own[0] is ran[-1])


def eager(module: PreTrainedModel, ids: Int[Tensor, "chunk position"], layers: int, heads: int) -> Eager:
    """A copy of a model that attends eagerly, where its family has more than one way."""
    own = copy.deepcopy(module)
    if getattr(own.config, "_attn_implementation", "eager") != "eager":
        own.set_attn_implementation("eager")
    return Eager(own, ids, layers, heads)
