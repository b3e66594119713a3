"""From the name that the user gave to checked weights in a local folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from semphase.errors import SemphaseError
from semphase.files import is_file, is_folder, place, short
from semphase.hub import Wanted, fetch
from semphase.models import gguf, integrity
from semphase.models.catalogue import CATALOGUE, nearest
from semphase.models.packaged import fixture
from semphase.models.wheels import weights_file

_HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*")
_HUB_FILES = ("model*.safetensors", "model.safetensors.index.json", "config.json", "generation_config.json")
_TOKENIZER_FILES = ("*token*.json", "vocab.*", "merges.txt", "*.model", "tekken.json", "*.jinja")
_OFFLINE = "a model folder, a .gguf file, tiny, smollm2-135m or gemma3-270m"


@dataclass(frozen=True, slots=True)
class Weights:
    """A folder that transformers can read, the name to report, and the SHA-256 of the original weights."""

    name: str
    folder: Path
    sha256: str


def locate(name: str) -> Weights:
    """The weights behind a catalogue name, a path or a hub id, fetched or converted where that is needed.

    SemphaseError, in one sentence, for an unknown name and for weights that are missing, damaged or not those
    that were pinned.
    """
    try:
        return _located(name)
    except OSError as problem:
        told = f"{problem.strerror or problem}: {short(problem.filename)}" if problem.filename else problem
        raise SemphaseError(f"the weights of {short(name)} cannot be read ({told})") from problem


def _located(name: str) -> Weights:
    entry = CATALOGUE.get(name)
    if entry is None:
        return _at_path(name) or _on_hub(name)
    if entry.source == "hub":
        return _fetched(name, entry.hub)
    if entry.source == "wheel":
        return _gguf(name, weights_file(name, entry))
    weights = _folder(name, fixture(name))
    integrity.require_pin(name, weights.sha256, entry.sha256)
    return weights


def _at_path(name: str) -> Weights | None:
    path = place(name)
    if is_folder(path):
        return _folder(path.resolve().name, path)
    if is_file(path):
        if path.suffix != ".gguf":
            raise SemphaseError(f"{name} is neither a model folder nor a .gguf file")
        return _gguf(path.stem, path)
    if path.suffix == ".gguf" or name.startswith((".", "/", "~")):
        raise SemphaseError(f"there is no model file or folder {name}")
    return None


def _on_hub(name: str) -> Weights:
    if not _HUB_ID.fullmatch(name):
        raise SemphaseError(
            f"there is no model {name!r}: did you mean {nearest(name)}, a hub id, a folder or a .gguf file?"
        )
    return _fetched(name, [name])


def _fetched(name: str, ids: Sequence[str]) -> Weights:
    wanted = Wanted(ids, (*_HUB_FILES, *_TOKENIZER_FILES), integrity.is_whole, _OFFLINE)
    return _folder(name, fetch(wanted))


def _folder(name: str, folder: Path) -> Weights:
    integrity.read_json(folder / "config.json")
    return Weights(name, folder, integrity.sha256(integrity.weight_files(folder)))


def _gguf(name: str, path: Path) -> Weights:
    digest = integrity.sha256([path])
    return Weights(name, gguf.converted(path, digest), digest)
