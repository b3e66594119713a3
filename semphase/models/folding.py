"""TransformerLens' weight processing, applied to the Hugging Face module itself, for the gpt2 family.

Layer norms become pure normalisations (their scale and shift move into the maps that read them, which are
centred), every map that writes to the stream is centred, the unembedding is centred over the vocabulary, and
value biases move into the output bias. Predictions stay the same: logits change by one constant per position,
which softmax ignores.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers import GPT2LMHeadModel, PreTrainedModel
from transformers.pytorch_utils import Conv1D

from semphase.errors import SemphaseError

PROCESSINGS = ("raw", "folded")


def choose_processing(family: str, asked: str | None) -> str:
    """The processing to use: folded by default for gpt2, else raw; SemphaseError for what cannot be done."""
    if asked is None:
        return "folded" if family == "gpt2" else "raw"
    if asked not in PROCESSINGS:
        raise SemphaseError(f"there is no processing {asked!r}: choose raw or folded")
    if asked == "folded" and family != "gpt2":
        raise SemphaseError(f"weights of the family {family!r} cannot be folded; use the processing raw")
    return asked


@torch.no_grad()
def fold(module: PreTrainedModel) -> None:
    """Process a gpt2 module in place and untie its unembedding; sums are taken in float64."""
    if not isinstance(module, GPT2LMHeadModel):
        raise SemphaseError(f"weights of the family {module.config.model_type!r} cannot be folded; use raw")
    stem = module.transformer
    module.lm_head = _untied(module.lm_head)
    block: Any
    for block in stem.h:
        _fold_norm(block.ln_1, block.attn.c_attn)
        _fold_norm(block.ln_2, block.mlp.c_fc)
        _centre_writes(block.attn.c_proj)
        _centre_writes(block.mlp.c_proj)
        _fold_value_bias(block.attn.c_attn, block.attn.c_proj)
    _fold_final_norm(stem.ln_f, module.lm_head)
    for table in (stem.wte, stem.wpe):
        _set(table.weight, _centred(table.weight.double(), dim=1))


def _untied(head: nn.Linear) -> nn.Linear:
    """A copy of the unembedding with a bias and a weight of its own."""
    copy = nn.Linear(head.in_features, head.out_features, device=head.weight.device, dtype=head.weight.dtype)
    copy.weight.copy_(head.weight)
    copy.bias.zero_()
    return copy.requires_grad_(head.weight.requires_grad)


def _fold_norm(norm: nn.LayerNorm, reader: Conv1D) -> None:
    """x·(w⊙n + b) = (x⊙w)·n + x·b; a Conv1D keeps its weight as (input, output)."""
    weight = reader.weight.double()
    _set(reader.bias, reader.bias.double() + norm.bias.double() @ weight)
    _set(reader.weight, _centred(norm.weight.double()[:, None] * weight, dim=0))
    _reset(norm)


def _fold_final_norm(norm: nn.LayerNorm, head: nn.Linear) -> None:
    weight = head.weight.double()
    bias = head.bias.double() + weight @ norm.bias.double()
    folded = _centred(weight * norm.weight.double()[None, :], dim=1)
    _set(head.weight, _centred(folded, dim=0))
    _set(head.bias, bias - bias.mean())
    _reset(norm)


def _centre_writes(writer: Conv1D) -> None:
    _set(writer.weight, _centred(writer.weight.double(), dim=1))
    _set(writer.bias, _centred(writer.bias.double(), dim=0))


def _fold_value_bias(reader: Conv1D, writer: Conv1D) -> None:
    """Attention weights sum to 1, so every position receives the value bias whole."""
    values = reader.bias[-writer.weight.shape[0] :]
    _set(writer.bias, writer.bias.double() + values.double() @ writer.weight.double())
    values.zero_()


def _centred(weight: Float[Tensor, ...], dim: int) -> Float[Tensor, ...]:
    return weight - weight.mean(dim=dim, keepdim=True)


def _set(parameter: Tensor, value: Float[Tensor, ...]) -> None:
    parameter.copy_(value)


def _reset(norm: nn.LayerNorm) -> None:
    norm.weight.fill_(1.0)
    norm.bias.zero_()
