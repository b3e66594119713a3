"""Who is measured: a model, or an untrained copy that is built only when a forward pass needs it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from semphase.models import Model, reinitialised
from semphase.models.model import Start

COPIES = 5
"""Untrained copies of a model, seeds 0–4."""
COPIES_MEMORY = 4 * 2**30


class Subject(Protocol):
    """A model under study and what names its numbers."""

    @property
    def model(self) -> Model:
        """The model, ready for forward passes."""
        ...

    @property
    def identity(self) -> dict[str, Any]:
        """All about the model that determines a measurement."""
        ...


_SILENT = {"_name_or_path", "transformers_version", "dtype", "torch_dtype", "architectures", "_attn_implementation"}
"""Of a configuration: what says where it is from, or is told elsewhere."""


def _configuration(module: Any) -> str:
    """SHA-256 of what the family's code reads beside the weights, such as ε of the norms and θ of the rotation."""
    told = module.config.to_dict() if hasattr(getattr(module, "config", None), "to_dict") else {}
    kept = {name: value for name, value in told.items() if name not in _SILENT}
    return hashlib.sha256(json.dumps(kept, sort_keys=True, default=str).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Opened:
    """What `semphase.models.load` was asked for."""

    name: str
    device: str
    dtype: str
    bos: Start = "default"


@dataclass(eq=False)
class Trained:
    """A model as it was loaded; it keeps as many untrained copies as fit into `memory` bytes, at least one.

    `opened` says how another process loads the same; None where the model was made otherwise.
    """

    model: Model
    memory: int = COPIES_MEMORY
    copies: dict[int, Model] = field(default_factory=dict, repr=False)
    opened: Opened | None = None

    @cached_property
    def _configuration(self) -> str:
        """Asked for by every key of the store."""
        return _configuration(self.model.module)

    @property
    def identity(self) -> dict[str, Any]:
        """Weights, configuration, processing, precision and device."""
        model = self.model
        return {
            "weights": model.sha256,
            "configuration": self._configuration,
            "processing": model.processing,
            "dtype": str(model.dtype),
            "device": model.device.type,
        }

    def copy(self, seed: int) -> Model:
        """The copy with fresh weights of one seed; built, or built again, when it is not there."""
        if seed not in self.copies:
            size = self.model.parameters * self.model.dtype.itemsize
            while self.copies and (len(self.copies) + 1) * size > self.memory:
                self.copies.pop(next(iter(self.copies)))
            self.copies[seed] = reinitialised(self.model, seed)
        return self.copies[seed]


@dataclass(frozen=True)
class Untrained:
    """The same architecture with weights from the family's own initialisation."""

    parent: Trained
    seed: int

    @property
    def model(self) -> Model:
        """The parent's copy, built on first use."""
        return self.parent.copy(self.seed)

    @property
    def identity(self) -> dict[str, Any]:
        """As the parent's, with the weights named by the parent and the seed."""
        named = hashlib.sha256(f"{self.parent.model.sha256}:reinit:{self.seed}".encode()).hexdigest()
        return self.parent.identity | {"weights": named}
