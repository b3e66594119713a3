"""Tensors by layer: in memory as far as a budget allows, in a temporary file beyond it."""

from __future__ import annotations

import math
import os
import tempfile
from pathlib import Path

import torch
from torch import Tensor

from semphase.errors import SemphaseError


def told_bytes(size: int) -> str:
    """In MiB, or in KiB where that is more telling; rounded up."""
    return f"{math.ceil(size / 2**20)} MiB" if size >= 2**23 else f"{math.ceil(size / 2**10)} KiB"


class Shelf:
    """`count` tensors of one shape, put and taken by their number.

    As many as fit into `memory` bytes stay on the device; the others lie in a file that goes with the shelf.
    Raises SemphaseError if not even one fits, or if the disk refuses.
    """

    def __init__(
        self, count: int, shape: tuple[int, ...], *, dtype: torch.dtype, device: torch.device, memory: int, what: str
    ) -> None:
        size = math.prod(shape) * dtype.itemsize
        if size > memory:
            raise SemphaseError(
                f"{what} take {told_bytes(size)} for each layer and --memory allows {told_bytes(memory)}; "
                "allow more with --memory."
            )
        self.shape, self.dtype, self.device = shape, dtype, device
        self.inside = min(count, memory // size)
        self._held: dict[int, Tensor] = {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __setitem__(self, number: int, tensor: Tensor) -> None:
        if number < self.inside:
            self._held[number] = tensor
            return
        if number not in self._held:
            self._held[number] = self._mapped(number)
        self._held[number].copy_(tensor)

    def __getitem__(self, number: int) -> Tensor:
        return self._held[number].to(self.device)

    def close(self) -> None:
        """Give memory and disk back."""
        self._held.clear()
        if self._folder is not None:
            self._folder.cleanup()

    def _mapped(self, number: int) -> Tensor:
        try:
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="semphase-")
            path = Path(self._folder.name) / str(number)
            _reserve(path, math.prod(self.shape) * self.dtype.itemsize)
        except OSError as problem:
            place = tempfile.tempdir or "the temporary folder"
            raise SemphaseError(
                f"no room in {place} to spill residual streams ({problem}); allow more with --memory or set TMPDIR."
            ) from problem
        size = math.prod(self.shape)
        return torch.from_file(str(path), shared=True, size=size, dtype=self.dtype).view(self.shape)


def _reserve(path: Path, size: int) -> None:
    """A file of so many bytes: a full disk refuses them now, and not by killing who writes into the mapped file."""
    with path.open("wb") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        else:
            file.truncate(size)
