"""What transformers reads from a folder: configuration, tokenizer and weights, or one sentence why not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import (
    CONFIG_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)

from semphase.errors import SemphaseError
from semphase.models import integrity
from semphase.models.fit import require_fit
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
_REFUSALS = (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, ImportError)
_UNLIMITED = 10**30


def read_config(folder: Path) -> PreTrainedConfig:
    """The configuration of a model; SemphaseError for a family that transformers does not know."""
    family = integrity.read_json(folder / "config.json").get("model_type")
    if family not in CONFIG_MAPPING:
        raise SemphaseError(
            f"{folder} is of the family {family!r}, which transformers cannot build without foreign code"
        )
    with _one_sentence(f"the configuration in {folder}"):
        return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


def read_tokenizer(folder: Path, **options: Any) -> PreTrainedTokenizerBase:
    """The tokenizer of a model, without its warnings about long texts; SemphaseError if there is none."""
    if not options and not any((folder / name).exists() for name in _TOKENIZER_FILES):
        raise SemphaseError(f"{folder} has no tokenizer; put tokenizer.json beside the weights")
    # Some families' own classes rebuild a tokenizer that was saved as a general one, and change it.
    general = (folder / "tokenizer.json").exists() and _tokenizer_class(folder) in _GENERAL_CLASSES
    reader = PreTrainedTokenizerFast if general else AutoTokenizer
    with _one_sentence(f"the tokenizer in {folder}"):
        tokenizer = reader.from_pretrained(folder, local_files_only=True, trust_remote_code=False, **options)
    tokenizer.model_max_length = _UNLIMITED
    # A text that writes "<|endoftext|>" is about the token, and does not end there.
    tokenizer.split_special_tokens = True
    return tokenizer


def read_module(folder: Path, dtype: torch.dtype, **options: Any) -> PreTrainedModel:
    """The causal language model; SemphaseError if any of its weights is missing, left over or has another shape."""
    with _one_sentence(f"the model in {folder}"):
        read: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=dtype,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            **options,
        )
    module, notes = read
    require_fit(module, notes, folder)
    return module


def check_module(folder: Path) -> None:
    """SemphaseError, before any weight is read, if the files do not hold what the configuration describes."""
    if not integrity.read_json(folder / "config.json").get("quantization_config"):
        read_module(folder, torch.float32, device_map="meta")


def _tokenizer_class(folder: Path) -> str | None:
    settings = folder / "tokenizer_config.json"
    return integrity.read_json(settings).get("tokenizer_class") if settings.exists() else None


@contextmanager
def _one_sentence(what: str) -> Iterator[None]:
    """Turn what transformers raises about bad files into a SemphaseError with its reason's first line."""
    try:
        with quiet():
            yield
    except Exception as error:
        # The tokenizers library, written in Rust, raises bare Exceptions.
        if type(error) is not Exception and not isinstance(error, _REFUSALS):
            raise
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise SemphaseError(f"{what} cannot be read: {reason or type(error).__name__}") from None
