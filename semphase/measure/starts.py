"""What a BOS token in front does to a model's losses, on the same tokens with it and without it."""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from semphase.measure.losses import token_losses
from semphase.models import Model


def perplexities(model: Model, tokens: Int[Tensor, " token"], bos: int) -> tuple[float, float]:
    """Perplexity of a text's tokens from the second on, without the BOS token in front and with it."""
    front = torch.tensor([bos])
    bare, begun = _losses(model, tokens), _losses(model, torch.cat([front, tokens]))[1:]
    return math.exp(float(bare.mean())), math.exp(float(begun.mean()))


@torch.no_grad()
def _losses(model: Model, tokens: Int[Tensor, " token"]) -> Float[Tensor, " predicted"]:
    """In nats, of each token but the first."""
    streams: list[Tensor] = []

    def keep(_norm: nn.Module, given: tuple[Any, ...]) -> None:
        streams.append(given[0])

    ids, handle = tokens[None].to(model.device), model.anatomy.final_norm.register_forward_pre_hook(keep)
    try:
        # The logits of a whole chunk would take a gigabyte.
        model.module.base_model(ids, use_cache=False)
    finally:
        handle.remove()
    return token_losses(model, streams[0].reshape(1, len(tokens), -1), ids)[0].double()
