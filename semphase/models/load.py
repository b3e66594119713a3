"""From checked weights in a folder to a model that is ready to measure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)

from semphase.errors import SemphaseError
from semphase.models import device as devices
from semphase.models import integrity, precision
from semphase.models.assemble import assemble
from semphase.models.folding import choose_processing
from semphase.models.locate import locate
from semphase.models.model import Model
from semphase.models.quiet import quiet

_TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "vocab.json",
    "vocab.txt",
    "spiece.model",
    "tekken.json",
)
_GENERAL_CLASSES = ("PreTrainedTokenizerFast", "TokenizersBackend")


def load(name: str, *, device: str = "auto", dtype: str = "float32", processing: str | None = None) -> Model:
    """A model by catalogue name, hub id, folder or .gguf file.

    `processing` is "raw" or "folded"; None chooses folded for the gpt2 family, raw for the others.
    Switches reduced-precision float32 products off. Raises SemphaseError, in one sentence, for whatever
    cannot be loaded.
    """
    target, kind = devices.resolve(device), precision.dtype_of(dtype)
    weights = locate(name)
    config = _config(weights.folder)
    process = choose_processing(config.model_type, processing)
    tokenizer = _tokenizer(weights.folder)
    read_as = torch.promote_types(kind, torch.float32) if process == "folded" else kind
    return assemble(
        _module(weights.folder, config, read_as),
        tokenizer,
        name=weights.name,
        sha256=weights.sha256,
        processing=process,
        device=target,
        dtype=kind,
    )


def _config(folder: Path) -> PreTrainedConfig:
    try:
        with quiet():
            return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (ValueError, KeyError, TypeError, OSError):
        family = integrity.read_json(folder / "config.json").get("model_type")
        raise SemphaseError(
            f"{folder} is of the family {family!r}, which transformers cannot build without foreign code"
        ) from None


def _tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    if not any((folder / name).exists() for name in _TOKENIZER_FILES):
        raise SemphaseError(f"{folder} has no tokenizer; put tokenizer.json beside the weights")
    # Some families' own classes rebuild a tokenizer that was saved as a general one, and change it.
    general = (folder / "tokenizer.json").exists() and _tokenizer_class(folder) in _GENERAL_CLASSES
    reader = PreTrainedTokenizerFast if general else AutoTokenizer
    try:
        with quiet():
            return reader.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (ValueError, KeyError, TypeError, OSError, ImportError) as error:
        raise SemphaseError(f"the tokenizer in {folder} cannot be read: {_first_line(error)}") from None


def _tokenizer_class(folder: Path) -> str | None:
    settings = folder / "tokenizer_config.json"
    return integrity.read_json(settings).get("tokenizer_class") if settings.exists() else None


def _module(folder: Path, config: PreTrainedConfig, dtype: torch.dtype) -> PreTrainedModel:
    try:
        with quiet():
            read: Any = AutoModelForCausalLM.from_pretrained(
                folder,
                config=config,
                dtype=dtype,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
    except (ValueError, RuntimeError, OSError) as error:
        raise SemphaseError(f"the model in {folder} cannot be read: {_first_line(error)}") from None
    module, notes = read
    lost = sorted({*notes["missing_keys"], *(str(key[0]) for key in notes["mismatched_keys"])})
    if lost:
        raise SemphaseError(f"the weights in {folder} do not fit its config.json: {', '.join(lost[:3])}")
    return module


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
