"""Untrained twins: the same architecture with fresh weights, drawn as the family itself draws them."""

from __future__ import annotations

import copy
import hashlib

import torch
from transformers import AutoModelForCausalLM

from semphase.models.assemble import assemble
from semphase.models.model import Model
from semphase.models.quiet import quiet


def reinitialised(model: Model, seed: int) -> Model:
    """A copy with weights from the family's own initialisation; one seed gives one model on every device.

    Attention implementation, processing, BOS rule, device and dtype are the parent's; the global random state
    is left as it was.
    """
    config = copy.deepcopy(model.module.config)
    with quiet(), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        module = AutoModelForCausalLM.from_config(
            config, dtype=torch.float32, attn_implementation=config._attn_implementation
        )
    return assemble(
        module,
        model.tokenizer,
        name=f"{model.name}-reinit-{seed}",
        sha256=hashlib.sha256(f"{model.sha256}:reinit:{seed}".encode()).hexdigest(),
        processing=model.processing,
        device=model.device,
        dtype=model.dtype,
        bos=model.bos,
    )
