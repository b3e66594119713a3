"""The front of a GGUF file: which tensors it lists and how many bytes they need, without reading them.

Format: magic, version, counts of tensors and of metadata entries, the metadata, then name, shape, type and
offset of every tensor (the GGUF specification of ggml, versions 2 and 3, little endian).

The reader of the package `gguf` refuses truncated files as well, but it builds an array for every token of the vocabulary
(4 s for 49,152 tokens, 0.1 s here), and one damaged byte in a length keeps it going for minutes and gigabytes.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

from semphase.errors import SemphaseError

_MAGIC = b"GGUF"
_WIDTHS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}  # bytes of each scalar type
_STRING, _ARRAY = 8, 9
_ALIGNMENT, _ARCHITECTURE = b"general.alignment", b"general.architecture"


@dataclass(frozen=True, slots=True)
class Header:
    """Numbers of weights by tensor, how long the file must be, in bytes, and the architecture that it names."""

    tensors: dict[str, int]
    length: int
    architecture: str

    @property
    def parameters(self) -> int:
        """How many weights the file holds."""
        return sum(self.tensors.values())


def read_header(path: Path) -> Header:
    """The header of a GGUF file; SemphaseError if it is none, or if the file ends before its last tensor."""
    with path.open("rb") as file:
        if file.read(4) != _MAGIC:
            raise SemphaseError(f"{path} is no GGUF file: it does not start with {_MAGIC.decode()}")
        try:
            header = _parse(file)
        except (struct.error, ValueError, KeyError, OverflowError, MemoryError):
            header = None
    if header is None or path.stat().st_size < header.length:
        raise SemphaseError(f"the GGUF file {path} is damaged or cut short; fetch it again")
    if not header.parameters:
        raise SemphaseError(f"the GGUF file {path} holds no weights")
    return header


def _parse(file: BinaryIO) -> Header:
    _number(file, "<I")
    tensors, entries = _number(file, "<Q"), _number(file, "<Q")
    alignment, architecture = 32, b""
    for _ in range(entries):
        key, kind = _string(file), _number(file, "<I")
        if key == _ALIGNMENT:
            alignment = _number(file, "<I")
        elif key == _ARCHITECTURE and kind == _STRING:
            architecture = _string(file)
        else:
            _skip(file, kind)
    found: dict[str, int] = {}
    end = 0
    for _ in range(tensors):
        name = _string(file).decode()
        elements = math.prod(_number(file, "<Q") for _ in range(_number(file, "<I")))
        block, size = GGML_QUANT_SIZES[GGMLQuantizationType(_number(file, "<I"))]
        end = max(end, _number(file, "<Q") + elements // block * size)
        found[name] = elements
    return Header(found, -(-file.tell() // alignment) * alignment + end, architecture.decode())


def _number(file: BinaryIO, form: str) -> int:
    number: int = struct.unpack(form, file.read(struct.calcsize(form)))[0]
    return number


def _string(file: BinaryIO) -> bytes:
    length = _number(file, "<Q")
    text = file.read(length)
    if len(text) < length:
        raise ValueError("the file ends inside a string")
    return text


def _skip(file: BinaryIO, kind: int) -> None:
    if kind == _STRING:
        _string(file)
    elif kind != _ARRAY:
        file.seek(_WIDTHS[kind], 1)
    else:
        inner, count = _number(file, "<I"), _number(file, "<Q")
        if inner in _WIDTHS:
            file.seek(_WIDTHS[inner] * count, 1)
        else:
            for _ in range(count):
                _skip(file, inner)
