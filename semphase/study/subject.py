"""Who is measured: a model, or an untrained copy that is built only when a forward pass needs it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from semphase.models import Model, reinitialised


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


@dataclass(eq=False)
class Trained:
    """A model as it was loaded."""

    model: Model

    @property
    def identity(self) -> dict[str, Any]:
        """Weights, processing, precision and device."""
        model = self.model
        return {
            "weights": model.sha256,
            "processing": model.processing,
            "dtype": str(model.dtype),
            "device": model.device.type,
        }


@dataclass(eq=False)
class Untrained:
    """The same architecture with weights from the family's own initialisation."""

    parent: Trained
    seed: int

    @cached_property
    def model(self) -> Model:
        """Built on first use, and kept."""
        return reinitialised(self.parent.model, self.seed)

    @property
    def identity(self) -> dict[str, Any]:
        """As the parent's, with the weights named by the parent and the seed."""
        named = hashlib.sha256(f"{self.parent.model.sha256}:reinit:{self.seed}".encode()).hexdigest()
        return self.parent.identity | {"weights": named}

    def release(self) -> None:
        """Forget the weights; they are built again when they are needed."""
        self.__dict__.pop("model", None)
