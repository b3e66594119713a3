"""The next token of each row, greedily or drawn; a draw depends on its own prompt, sample and step alone."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor


def uniforms(
    prompts: Sequence[tuple[int, ...]], samples: int, tokens: int, seed: int
) -> Float[np.ndarray, "prompt sample token"]:
    """Numbers in [0, 1), drawn for each prompt by its tokens, so that order and neighbours do not matter.

    Of equal prompts each has its own.
    """
    met: Counter[tuple[int, ...]] = Counter()
    drawn = np.empty((len(prompts), samples, tokens))
    for k, prompt in enumerate(prompts):
        told = hashlib.sha256(repr((seed, prompt, met[prompt])).encode()).digest()
        drawn[k] = np.random.default_rng(list(told)).random((samples, tokens))
        met[prompt] += 1
    return drawn


def next_tokens(
    logits: Float[Tensor, "row vocabulary"], temperature: float, uniform: Float[Tensor, " row"]
) -> Int[Tensor, " row"]:
    """The likeliest token at temperature 0; else the token at which the summed probabilities pass `uniform`."""
    if temperature == 0:
        return logits.argmax(dim=-1)
    wide = digits(logits.device)
    below = logits.to(wide) - logits.to(wide).amax(dim=-1, keepdim=True)  # so that no temperature is too low
    summed = (below / temperature).softmax(dim=-1).cumsum(dim=-1)
    total = summed[:, -1:].contiguous()
    found = torch.searchsorted(summed, uniform.to(wide)[:, None] * total, right=True)
    # A number near 1 may be rounded to 1, which no sum passes; the last token that adds something is meant.
    # Where a logit is nan no sum is reached, and who asks for the token's log p will see it.
    last = torch.searchsorted(summed, total).clamp(max=logits.shape[-1] - 1)
    return torch.minimum(found, last)[:, 0]


def digits(device: torch.device) -> torch.dtype:
    """Sums over a large vocabulary need more digits than float32 has; not every device has float64."""
    return torch.float32 if device.type == "mps" else torch.float64
