"""From the name that the user gave to a model that is ready to measure."""

from __future__ import annotations

import torch

from semphase.errors import SemphaseError
from semphase.models import device as devices
from semphase.models import precision
from semphase.models.assemble import assemble
from semphase.models.folding import choose_processing
from semphase.models.locate import locate
from semphase.models.model import Model, Start
from semphase.models.read import read_config, read_module, read_tokenizer
from semphase.models.tokens import require_rows


def load(
    name: str,
    *,
    device: str = "auto",
    dtype: str = "float32",
    processing: str | None = None,
    bos: Start = "default",
) -> Model:
    """A model by catalogue name, hub id, folder or .gguf file.

    `processing` is "raw" or "folded"; None chooses folded for the gpt2 family, raw for the others; `bos`
    says whether texts are read with a BOS token in front.
    Switches reduced-precision float32 products off. Raises SemphaseError, in one sentence, for whatever
    cannot be loaded.
    """
    target, kind = devices.resolve(device), precision.dtype_of(dtype)
    if target.type == "mps" and kind == torch.float64:
        raise SemphaseError("mps devices have no float64; use --dtype float32 or --device cpu")
    weights = locate(name)
    process = choose_processing(read_config(weights.folder).model_type, processing)
    tokenizer = read_tokenizer(weights.folder)
    read_as = torch.promote_types(kind, torch.float32) if process == "folded" else kind
    module = read_module(weights.folder, read_as)
    rows: torch.Tensor = module.get_input_embeddings().weight  # type: ignore[assignment]
    require_rows(tokenizer, len(rows), weights.folder)
    return assemble(
        module,
        tokenizer,
        name=weights.name,
        sha256=weights.sha256,
        processing=process,
        device=target,
        dtype=kind,
        bos=bos,
    )
