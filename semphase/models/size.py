"""Size classes: by parameter count, and by name before anything is loaded."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from semphase.errors import SemphaseError
from semphase.files import is_file, is_folder, place
from semphase.models import gguf_header, integrity
from semphase.models.catalogue import CATALOGUE

SIZES = {"tiny": 50e6, "small": 250e6, "medium": 500e6, "large": 1.2e9, "xl": float("inf")}


def class_of(parameters: int) -> str:
    """tiny, small, medium, large or xl: below 50M, 250M, 500M, 1.2B parameters, and above."""
    return next(name for name, bound in SIZES.items() if parameters < bound)


def size_class(name: str) -> str | None:
    """The size class of a model that is in the catalogue or at a path; None if only loading could tell."""
    if name in CATALOGUE:
        return class_of(CATALOGUE[name].parameters)
    path = place(name)
    try:
        if is_folder(path):
            return class_of(_count(integrity.weight_files(path)))
        return class_of(gguf_header.read_header(path).parameters) if is_file(path) else None
    except (SemphaseError, OSError):
        return None


def _count(files: Iterable[Path]) -> int:
    return sum(integrity.parameters(path) for path in files)
