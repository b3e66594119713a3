"""What a family does to the products of its unembedding."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import PreTrainedModel


@dataclass(frozen=True, slots=True)
class Finish:
    """logits = cap · tanh(scale · x / cap); no cap where it is None."""

    scale: float
    cap: float | None

    def __call__(self, raw: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
        """Logits in float32 at least."""
        logits = raw.to(torch.promote_types(raw.dtype, torch.float32))
        if self.scale != 1:
            logits = logits * self.scale
        return logits if self.cap is None else self.cap * torch.tanh(logits / self.cap)


def finish_of(module: PreTrainedModel) -> Finish:
    """By the family's configuration."""
    config = module.config.get_text_config()
    scale = getattr(config, "logit_scale", None) or 1 / (getattr(config, "logits_scaling", None) or 1)
    return Finish(float(scale), getattr(config, "final_logit_softcapping", None))
