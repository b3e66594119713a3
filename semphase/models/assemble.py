"""Put a transformers module and its tokenizer together as a Model."""

from __future__ import annotations

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from semphase.models import precision
from semphase.models.anatomy import dimensions, parts_of
from semphase.models.device import use
from semphase.models.folding import fold
from semphase.models.model import Model, Start, bos_token
from semphase.models.spread import place


def assemble(
    module: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    *,
    name: str,
    sha256: str,
    processing: str,
    device: torch.device,
    dtype: torch.dtype,
    bos: Start = "default",
) -> Model:
    """Process the weights, move or spread them, find the parts and check that they add up to the residual stream.

    The module is changed in place. SemphaseError for a family whose parts do not add up, and where there is no room.
    """
    precision.use_full_precision()
    use(device)
    module.eval().requires_grad_(False)
    parameters = sum(weight.numel() for weight in module.parameters())
    if processing == "folded":
        fold(module)
    place(module, device, dtype, name)
    parts = parts_of(module)
    sizes = dimensions(module, len(parts.blocks))
    return Model(
        name=name,
        family=module.config.model_type,
        module=module,
        tokenizer=tokenizer,
        anatomy=parts,
        processing=processing,
        prepend_bos=_starts_with_bos(module, tokenizer, bos),
        device=device,
        dtype=dtype,
        sha256=sha256,
        layers=sizes.layers,
        heads=sizes.heads,
        key_heads=sizes.key_heads,
        d_model=sizes.d_model,
        d_head=sizes.d_head,
        parameters=parameters,
        context=sizes.context,
        bos=bos,
    )


def _starts_with_bos(module: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, bos: Start) -> bool:
    if bos == "no":
        return False
    if bos == "yes" or module.config.model_type == "gpt2":
        bos_token(module, tokenizer)  # complains here rather than at the first text
        return True
    return tokenizer.bos_token_id is not None and tokenizer.encode("a")[:1] == [tokenizer.bos_token_id]
