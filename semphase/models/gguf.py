"""GGUF files: checked, converted once to float32 safetensors in the user's cache, found by their SHA-256."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch

from semphase.models import integrity
from semphase.models.gguf_header import read_header
from semphase.models.kept import keeping
from semphase.models.quiet import quiet
from semphase.models.read import read_module, read_tokenizer


def converted(path: Path, sha256: str) -> Path:
    """The folder of safetensors and tokenizer made from a GGUF file; made now if it is not there yet.

    A lock lets parallel processes wait for one conversion, and the folder appears whole or not at all.
    """
    with keeping(sha256) as home:
        folder = home / sha256
        if not integrity.is_whole(folder):
            read_header(path)
            shutil.rmtree(folder, ignore_errors=True)
            with tempfile.TemporaryDirectory(dir=home) as scratch:
                made = Path(scratch) / sha256
                _convert(path, made)
                made.replace(folder)
    return folder


def _convert(path: Path, folder: Path) -> None:
    model: Any = read_module(path.parent, torch.float32, gguf_file=path.name)
    tokenizer = read_tokenizer(path.parent, gguf_file=path.name)
    # The weights are plain float32 by now, but transformers still takes them for quantised ones.
    model.hf_quantizer = None
    del model.config.quantization_config
    with quiet():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
