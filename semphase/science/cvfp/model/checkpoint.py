"""What a killed training goes on from: one safetensors file for each phase, whole or not there.

Trainings that take their steps together have one folder, which stays until all of them are kept: a kill between the
results of two would cost the second otherwise.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from semphase.errors import SemphaseError
from semphase.files import atomically

Facts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """The checkpoints of one training in a folder; those of another training, by `identity`, count as not there.

    Tensors and what is not a tensor, as JSON in the file's header, are written together and put in place by one
    rename, so that a kill leaves the state before or the state after.
    """

    folder: Path
    identity: str
    seconds: float = 10.0
    _written: dict[str, float] = field(default_factory=dict, init=False, repr=False)

    def due(self, phase: str) -> bool:
        """Whether a phase has gone on for `seconds` since its state was last written, or since this was first asked."""
        return time.monotonic() - self._written.setdefault(phase, time.monotonic()) >= self.seconds

    def write(self, phase: str, tensors: Mapping[str, Tensor], facts: Facts) -> None:
        """Put the state of a phase in the place of its last one; SemphaseError where it cannot be written."""
        told = json.dumps(facts)
        header = {"identity": self.identity, "facts": told, "sha256": _sha256(tensors, told)}
        self._written[phase] = time.monotonic()
        try:
            with atomically(self._path(phase)) as scratch:
                save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, scratch, header)
        except (OSError, SafetensorError) as problem:
            raise SemphaseError(
                f"the checkpoint of {phase} cannot be written to {self.folder} ({problem}); "
                "free some space or choose another store with --store."
            ) from problem

    def read(self, phase: str, device: str) -> tuple[dict[str, Tensor], Facts] | None:
        """The last state of a phase, if it was written by this training."""
        try:
            with safe_open(self._path(phase), "pt", device=device) as file:
                header = file.metadata() or {}
                if header.get("identity") != self.identity:
                    return None
                # Copied, because the file is mapped into memory and will be replaced.
                found = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError):
            return None
        told = header.get("facts", "")
        return (found, json.loads(told)) if header.get("sha256") == _sha256(found, told) else None

    def _path(self, phase: str) -> Path:
        return self.folder / f"{phase.replace(' ', '-')}.safetensors"


def folder_of(place: Path, seeds: Sequence[int]) -> Path:
    """Where trainings that differ in their seed alone leave their checkpoints; `place` tells them from all others."""
    return place.with_name("-".join([place.name, *map(str, seeds)]))


def begun(place: Path, seeds: Sequence[int]) -> list[int]:
    """The seeds of killed trainings that have all of these among them; these alone where no such have left anything."""
    return next((list(own) for own in sorted(_folders(place)) if set(seeds) <= set(own)), list(seeds))


def clear_finished(place: Path, finished: Set[int]) -> None:
    """Take away the checkpoints of trainings whose seeds are all finished; a folder with anything else in it stays."""
    for seeds, folder in _folders(place).items():
        if set(seeds) <= finished:
            for path in folder.glob("*phase-*"):
                path.unlink(missing_ok=True)
            if not any(folder.iterdir()):
                folder.rmdir()


def _folders(place: Path) -> dict[tuple[int, ...], Path]:
    """By the seeds of the trainings."""
    named = {path: path.name.removeprefix(f"{place.name}-").split("-") for path in place.parent.glob(f"{place.name}-*")}
    return {tuple(map(int, own)): path for path, own in named.items() if all(map(str.isdecimal, own)) and path.is_dir()}


def _sha256(tensors: Mapping[str, Tensor], facts: str) -> str:
    """Of all that a checkpoint holds: safetensors notices no damage to its numbers."""
    digest = hashlib.sha256(facts.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name}{tensor.dtype}{tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
