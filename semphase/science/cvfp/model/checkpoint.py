"""What a killed training goes on from: one safetensors file for each phase, whole or not there."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
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

    def clear(self) -> None:
        """Empty the folder of checkpoints, and take it away if nothing else is in it."""
        for path in self.folder.glob("*phase-*"):
            path.unlink(missing_ok=True)
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()

    def _path(self, phase: str) -> Path:
        return self.folder / f"{phase.replace(' ', '-')}.safetensors"


def _sha256(tensors: Mapping[str, Tensor], facts: str) -> str:
    """Of all that a checkpoint holds: safetensors notices no damage to its numbers."""
    digest = hashlib.sha256(facts.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name}{tensor.dtype}{tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
