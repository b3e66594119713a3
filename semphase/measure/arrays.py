"""Arrays inside hashable nouns: read-only, compared and hashed by their content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np


def as_array(values: Any) -> np.ndarray:
    """A NumPy array of numbers, an xarray or a torch tensor on any device, without importing either."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        if values.is_floating_point() and values.element_size() < 4:
            values = values.float()  # NumPy has no bfloat16
    return np.asarray(values)


def digest(array: np.ndarray) -> str:
    """SHA-256 of an array's type, shape and content."""
    found = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


@dataclass(frozen=True, eq=False)
class Frozen:
    """A copy of an array that nobody writes to; two of the same content are equal."""

    values: np.ndarray
    sha256: str

    @classmethod
    def of(cls, values: Any) -> Frozen:
        """The content of anything that `as_array` takes."""
        copy = np.array(as_array(values))
        copy.flags.writeable = False
        return cls(copy, digest(copy))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Frozen) and self.sha256 == other.sha256

    def __hash__(self) -> int:
        return hash(self.sha256)

    def __repr__(self) -> str:
        return f"array{list(self.values.shape)}"

    @property
    def identity(self) -> str:
        """The content's hash, for the keys of a store."""
        return self.sha256
