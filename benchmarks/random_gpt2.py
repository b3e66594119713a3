"""A random model of GPT-2's shape and random tokens for it; neither has to be fetched."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor
from transformers import AutoModelForCausalLM, GPT2Config

from semphase.models import Model, fixture
from semphase.models.assemble import assemble
from semphase.models.model import bos_token
from semphase.models.read import read_tokenizer

NAME = "gpt2-shape"
SEED = 0


def random_gpt2(device: torch.device) -> Model:
    """124M parameters: 12 layers of 12 heads, 768 wide, 50,257 tokens; the same ones in every process.

    Other methods want a tokenizer beside the weights: they get that of the tiny model, and no text for it.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        module = AutoModelForCausalLM.from_config(GPT2Config())
    return assemble(
        module,
        read_tokenizer(fixture("tiny")),
        name=NAME,
        sha256=f"random, seed {SEED}",
        processing="raw",
        device=device,
        dtype=torch.float32,
    )


def random_tokens(model: Model, chunks: int, length: int) -> Int[Tensor, "chunk position"]:
    """Chunks of tokens drawn from the whole vocabulary, behind the token that begins a text."""
    draw = torch.Generator().manual_seed(SEED)
    ids = torch.randint(model.vocabulary, (chunks, length), generator=draw)
    ids[:, 0] = bos_token(model.module, model.tokenizer)
    return ids
