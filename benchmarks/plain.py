"""The plain loop: whole forward passes of the model's own, and a hook on the attention's output projection."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch
from method import Heads, Method, summed
from subject import Subject
from torch import Tensor, nn
from torch.nn import functional
from worker import Reply, timed

from semphase.errors import SemphaseError
from semphase.measure.products.tf32 import tf32_products
from semphase.models import Model

PROJECTIONS = ("c_proj", "o_proj", "out_proj", "dense")


class Plain(Method):
    """(p) One whole pass with whole logits for each head, whose part of the projection's input is set to 0."""

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject)
        path, width = output_projection(self.model)
        self.projections = [self.model.module.get_submodule(path.format(k)) for k in range(self.model.layers)]
        self.d_head = width // self.model.heads

    def products(self) -> AbstractContextManager[None]:
        """The precision that matrix products have inside the block."""
        return nullcontext()

    def warm(self) -> Reply:
        """The unchanged loss, after a head on the way."""
        self._zeroed(0, 0, 0)
        return {"baseline": sum(self._loss(group) for group in range(len(self.groups)))}

    def heads(self, group: int, heads: Heads) -> Reply:
        """Summed losses with each head zeroed alone on one group of chunks, with the seconds they took."""
        return timed(partial(self._zeroed, group), heads, self.wait)

    def _zeroed(self, group: int, layer: int, head: int) -> float:
        part = slice(head * self.d_head, (head + 1) * self.d_head)

        def zero(_projection: nn.Module, given: tuple[Tensor, ...]) -> None:
            given[0][..., part] = 0

        hook = self.projections[layer].register_forward_pre_hook(zero)
        try:
            return self._loss(group)
        finally:
            hook.remove()

    def _loss(self, group: int) -> float:
        ids = self.groups[group]
        with torch.no_grad(), self.products():
            logits = self.model.module(input_ids=ids, use_cache=False).logits
            own = logits[:, :-1].flatten(0, 1).float()
            return summed(functional.cross_entropy(own, ids[:, 1:].flatten(), reduction="none"))


class InTF32(Plain):
    """(p) with products in TF32, as a script asks for that on CUDA; emulated on other devices."""

    def products(self) -> AbstractContextManager[None]:
        """The precision that matrix products have inside the block."""
        return tf32_products(self.device)


class InBfloat16(Plain):
    """(p) on weights in bfloat16, which the streams are in as well; losses are made of the logits in float32."""

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject)
        nn.Module.to(self.model.module, dtype=torch.bfloat16)


def output_projection(model: Model) -> tuple[str, int]:
    """Where the output projection of layer {} is, and how many numbers enter it; they are its heads' outputs."""
    paths = {id(part): path for path, part in model.module.named_modules()}
    for name, part in model.anatomy.blocks[0].named_modules():
        if name.rpartition(".")[2] in PROJECTIONS:
            weight: Any = part.weight
            width = int(weight.shape[0] if type(part).__name__ == "Conv1D" else weight.shape[1])
            block = paths[id(model.anatomy.blocks[0])]
            return f"{block.removesuffix('0')}{{}}.{name}", width
    raise SemphaseError(f"the output projection of {model.family} has no name known here")
