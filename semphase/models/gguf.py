"""GGUF files: checked, converted once to float32 safetensors in the user's cache, found by their SHA-256."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from gguf import MODEL_ARCH_NAMES, get_tensor_name_map

from semphase.errors import SemphaseError
from semphase.models import integrity
from semphase.models.fit import listed
from semphase.models.gguf_header import read_header
from semphase.models.kept import keeping
from semphase.models.quiet import quiet
from semphase.models.read import read_module, read_tokenizer

_MOST_BLOCKS = 512


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
    _require_all(path, model)
    tokenizer = read_tokenizer(path.parent, gguf_file=path.name)
    # The weights are plain float32 by now, but transformers still takes them for quantised ones.
    model.hf_quantizer = None
    del model.config.quantization_config
    with quiet():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def _require_all(path: Path, module: Any) -> None:
    """SemphaseError for weights in the file that did not come along, such as factors that stretch the rotation."""
    header, held = read_header(path), module.state_dict()
    more = header.parameters - sum(weight.numel() for weight in module.parameters())
    if more > 0:
        names = set(header.tensors) - set(_names(header.architecture, held))
        raise SemphaseError(
            f"the GGUF file {path} holds {more:,} weights that transformers leaves out when it reads one"
            f"{f' ({listed(names)})' if names else ''}; give the model as a folder with safetensors"
        )


def _names(architecture: str, held: Iterable[str]) -> Iterator[str | None]:
    """What a GGUF file calls the weights of a model."""
    kind = next((kind for kind, name in MODEL_ARCH_NAMES.items() if name == architecture), None)
    if kind is not None:
        names = get_tensor_name_map(kind, _MOST_BLOCKS)
        yield from (names.get_name(name, try_suffixes=(".weight", ".bias")) for name in held)
