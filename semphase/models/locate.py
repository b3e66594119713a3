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
from semphase.models.fit import require_numbers
from semphase.models.packaged import fixture
from semphase.models.wheels import weights_file

_HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*")
_REVISION = re.compile(r"\w[\w.-]*(/\w[\w.-]*)*")
_HUB_FILES = (
    "model*.safetensors", "model.safetensors.index.json", "config.json", "generation_config.json", "adapter_config.json",
)  # fmt: skip
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
    """`org/name`, or one of its revisions as `org/name@revision`; the name of a known model may stand for its id."""
    stem, sign, revision = name.partition("@")
    entry = CATALOGUE.get(stem)
    if entry is None and not _HUB_ID.fullmatch(stem):
        raise SemphaseError(
            f"there is no model {name!r}: did you mean {nearest(stem)}, a hub id, a folder or a .gguf file?"
        )
    if sign and entry is not None and entry.source != "hub":
        raise SemphaseError(f"{stem} comes with its one revision, from no hub; write {stem} instead of {name}")
    if sign and (not _REVISION.fullmatch(revision) or ".." in revision):
        raise SemphaseError(f"{revision!r} in {name!r} is no revision; give a branch, a tag or a commit of {stem}")
    return _fetched(name, entry.hub if entry else [stem], revision or None)


def _fetched(name: str, ids: Sequence[str], revision: str | None = None) -> Weights:
    wanted = Wanted(ids, (*_HUB_FILES, *_TOKENIZER_FILES), integrity.is_whole, _OFFLINE, revision=revision)
    return _folder(name, fetch(wanted))


def _folder(name: str, folder: Path) -> Weights:
    integrity.read_json(folder / "config.json")
    files = integrity.weight_files(folder)
    if (folder / "adapter_config.json").exists():
        raise SemphaseError(f"{folder} holds an adapter beside the weights; merge the two and save them without it")
    require_numbers(folder, files)
    return Weights(name, folder, integrity.sha256(files))


def _gguf(name: str, path: Path) -> Weights:
    digest = integrity.sha256([path])
    return Weights(name, gguf.converted(path, digest), digest)
