"""What a family's own code gives with eager attention: streams, and losses with one head of a layer set to 0.

Nothing of the package is used here. Heads are changed by a hook on the family's own output projection, found by its name.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel

PROJECTION = re.compile(r"att.*\b(o_proj|out_proj|c_proj|dense|wo|o|out_lin|linear_proj|output_proj)$", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Eager:
    """A model of so many layers and heads, and tokens that it reads."""

    module: PreTrainedModel
    ids: Int[Tensor, "chunk position"]
    layers: int
    heads: int

    def streams(self) -> list[Float[Tensor, "chunk position d"]]:
        """What enters each block, and what the final norm gives."""
        with torch.no_grad():
            found = self.module(self.ids, output_hidden_states=True, use_cache=False)
        # Those of a decoder that stands beside an encoder come under another name.
        return list(getattr(found, "hidden_states", None) or found.decoder_hidden_states)

    def loss(self, layer: int | None = None, head: int = 0) -> float:
        """The mean loss in nats, with a head of a layer set to 0 where one is given; KeyError where it has none by name."""
        hooks = [] if layer is None else [self.projection(layer).register_forward_pre_hook(partial(self._without, head))]
        try:
            with torch.no_grad():
                logits = self.module(self.ids, use_cache=False).logits
        finally:
            for hook in hooks:
                hook.remove()
        return float(functional.cross_entropy(logits[:, :-1].flatten(0, 1).double(), self.ids[:, 1:].flatten()))

    def projection(self, layer: int) -> nn.Module:
        """The matrix behind the heads of a layer."""
        block = self._blocks()[layer]
        named = [part for name, part in block.named_modules() if PROJECTION.search(name) and hasattr(part, "weight")]
        if not named:
            raise KeyError(f"block {layer} has no output projection")
        return named[0]

    def _blocks(self) -> nn.ModuleList:
        lists = [part for part in self.module.modules() if isinstance(part, nn.ModuleList) and len(part) == self.layers]
        ran: list[nn.Module] = []
        hooks = [own[0].register_forward_hook(lambda part, _args, _out: ran.append(part)) for own in lists]
        self.loss()
        for hook in hooks:
            hook.remove()
        # The outer ones end last.
        return next(own for own in lists if own[0] is ran[-1])

    def _without(self, head: int, _part: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        outputs = args[0].clone().unflatten(-1, (self.heads, -1))
        outputs[..., head, :] = 0
        return (outputs.flatten(-2), *args[1:])


def eager(module: PreTrainedModel, ids: Int[Tensor, "chunk position"], layers: int, heads: int) -> Eager:
    """A copy of a model that attends eagerly, where its family has more than one way."""
    own = copy.deepcopy(module)
    if getattr(own.config, "_attn_implementation", "eager") != "eager":
        own.set_attn_implementation("eager")
    return Eager(own, ids, layers, heads)
