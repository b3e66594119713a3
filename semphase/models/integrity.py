"""Weights are data: safetensors are checked before they are read, pickles refused, hashes compared."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from semphase.errors import SemphaseError

_CHUNK = 1 << 20


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a model folder, checked, in name order; SemphaseError for anything else."""
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if single.exists():
        files = [single]
    elif index.exists():
        files = sorted(folder / name for name in set(_shards(index)))
    else:
        pickles = [path.name for pattern in ("*.bin", "*.pt", "*.pth") for path in folder.glob(pattern)]
        found = f"only the pickle {pickles[0]}, which could run code" if pickles else "none"
        raise SemphaseError(f"{folder} needs its weights as model.safetensors but has {found}; convert it first")
    for path in files:
        tensors(path)
    return files


def is_whole(folder: Path) -> bool:
    """Whether a model folder has its configuration and all its weight files, none of them cut short."""
    try:
        return (folder / "config.json").exists() and bool(weight_files(folder))
    except SemphaseError:
        return False


def sha256(files: Sequence[Path]) -> str:
    """SHA-256 of the bytes of the files in turn; remembered while their sizes and times stay the same."""
    return _sha256(tuple((path, path.stat().st_size, path.stat().st_mtime_ns) for path in files))


def parameters(path: Path) -> int:
    """The number of weights in a safetensors file."""
    return sum(math.prod(entry["shape"]) for entry in tensors(path).values())


def tensors(path: Path) -> dict[str, dict[str, Any]]:
    """Type and shape of each tensor of a safetensors file, by name; SemphaseError for a damaged file.

    The format: an 8-byte length, a JSON header so long, then exactly the promised bytes.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as handle:
            length = int.from_bytes(handle.read(8), "little")
            header = json.loads(handle.read(length)) if length <= size - 8 else {}
        header.pop("__metadata__", None)
        promised = max((entry["data_offsets"][1] for entry in header.values()), default=-1)
    except FileNotFoundError:
        raise SemphaseError(f"the weights {path} are missing; fetch them again") from None
    except (ValueError, AttributeError, KeyError, IndexError, TypeError):
        promised = -1
    if promised < 0 or size != 8 + length + promised:
        raise SemphaseError(f"the weights {path} are damaged or cut short; fetch them again")
    found: dict[str, dict[str, Any]] = header
    return found


def require_pin(what: str, found: str, pinned: str | None, way_out: str = "reinstall them") -> None:
    """SemphaseError, with the way out, if packaged weights are not the ones that were pinned; no pin, no check."""
    if pinned is not None and found != pinned:
        raise SemphaseError(
            f"the weights of {what} have the SHA-256 {found[:12]}… instead of {pinned[:12]}…: {way_out}"
        )


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object; SemphaseError if the file is missing or is none."""
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise SemphaseError(f"{path.parent} is no model folder: it has no {path.name}") from None
    except ValueError:
        raise SemphaseError(f"{path} is damaged (not JSON); fetch it again") from None
    if not isinstance(content, dict):
        raise SemphaseError(f"{path} is damaged (not a JSON object); fetch it again")
    return content


def _shards(index: Path) -> list[str]:
    places = read_json(index).get("weight_map")
    if not isinstance(places, dict) or not places:
        raise SemphaseError(f"{index} is damaged (no weight_map); fetch it again")
    return [str(name) for name in places.values()]


@lru_cache(maxsize=64)
def _sha256(versions: tuple[tuple[Path, int, int], ...]) -> str:
    digest = hashlib.sha256()
    for path, _, _ in versions:
        with path.open("rb") as handle:
            while chunk := handle.read(_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()
