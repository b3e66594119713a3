"""Writes both lock files anew, with what pip resolves today: what judging claims needs, and what else developers need.

`nox -s lock` runs it. Wheels are downloaded and read; none is installed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PathDistribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent
LOCK = ROOT / "requirements.lock"
DEVELOPERS = ROOT / "requirements-dev.lock"

LEFT_OUT = frozenset({"beartype", "fancy-einsum", "transformers-stream-generator", "typeguard", "wandb"})
"""What TransformerLens declares though nothing that is used of it imports it: wandb, say, is for training, never done here.

What they alone need goes with them, OpenTelemetry for one. `pip check` would miss them; noxfile.py installs TransformerLens
without what it declares, so pip does not bring them back. sentencepiece and protobuf stay: transformers reads the
tokenizers of some models with them.
"""
ALSO = ("torch==2.13.0", "editables", "hatchling", "pip", "pytest-xdist")
"""Beside what the project declares: this torch, what installs the project itself, and `-n 2`."""


@dataclass(frozen=True)
class Wheel:
    """What a wheel says of itself, and its size in bytes."""

    name: str
    version: str
    requires: tuple[str, ...]
    size: int


def read(folder: Path) -> dict[str, Wheel]:
    """The wheels of a folder by their canonical names."""
    wheels: dict[str, Wheel] = {}
    for path in folder.glob("*.whl"):
        (inside,) = (entry for entry in zipfile.Path(path).iterdir() if entry.name.endswith(".dist-info"))
        said = PathDistribution(inside)
        wheel = Wheel(said.metadata["Name"], said.version, tuple(said.requires or ()), path.stat().st_size)
        wheels[canonicalize_name(wheel.name)] = wheel
    return wheels


def reached(wheels: Mapping[str, Wheel], wanted: Iterable[str]) -> set[str]:
    """The names that requirements lead to, over what each wheel declares for this interpreter and system."""
    seen: set[tuple[str, frozenset[str]]] = set()
    ahead = [(Requirement(text), frozenset({""})) for text in wanted]
    while ahead:
        requirement, asked = ahead.pop()
        name, extras = canonicalize_name(requirement.name), frozenset({"", *requirement.extras})
        if (name, extras) in seen or not _applies(requirement, asked):
            continue
        seen.add((name, extras))
        declared = map(Requirement, wheels[name].requires)
        ahead += [(each, extras) for each in declared if canonicalize_name(each.name) not in LEFT_OUT]
    return {name for name, _ in seen}


def _applies(requirement: Requirement, extras: Iterable[str]) -> bool:
    return requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in extras)


def lines(what: str, wheels: Iterable[Wheel]) -> str:
    """A lock file; its second line is what nox says when it installs the file."""
    kept = sorted(wheels, key=lambda wheel: wheel.name.lower())
    largest = max(kept, key=lambda wheel: wheel.size)
    much = f"{len(kept)} packages, {_megabytes(*kept)} MB to download"
    most = f"{_megabytes(largest)} of them {largest.name} {largest.version}"
    # Which build of torch it is ("+cpu") is left to the index.
    pins = "".join(f"{wheel.name}=={wheel.version.partition('+')[0]}\n" for wheel in kept)
    return f"# Written by `nox -s lock`: {what}.\n# {much}, {most}\n{pins}"


def _megabytes(*wheels: Wheel) -> int:
    return round(sum(wheel.size for wheel in wheels) / 1e6)


def _downloaded(wanted: list[str]) -> dict[str, Wheel]:
    with tempfile.TemporaryDirectory() as folder:
        fresh, wheels = Path(folder, "fresh"), Path(folder, "wheels")
        subprocess.run([sys.executable, "-m", "venv", str(fresh)], check=True)  # noqa: S603
        pip = [str(fresh / ("Scripts/python.exe" if os.name == "nt" else "bin/python")), "-m", "pip"]
        subprocess.run([*pip, "install", "-q", "-U", "pip"], check=True)  # noqa: S603
        subprocess.run([*pip, "download", "-q", "-d", str(wheels), *wanted], check=True)  # noqa: S603
        return read(wheels)


def main() -> None:
    """Download what everything needs, follow what each declares, and write the files."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    judging = [*project["dependencies"], *extras["examples"], *ALSO]
    developing = [*extras["test"], *extras["lint"], *extras["docs"]]
    wheels = _downloaded([*judging, *developing])
    users = reached(wheels, judging)
    more = reached(wheels, developing) - users
    LOCK.write_text(lines("what judging claims needs", (wheels[name] for name in users)), encoding="utf-8")
    text = lines("what tests, lint and the documentation need more", (wheels[name] for name in more))
    DEVELOPERS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
