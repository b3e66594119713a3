"""`--model NAME` to a loaded model: its parts, its processing, its precision. Torch is imported on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from semphase.contents import contents
from semphase.models.catalogue import CATALOGUE
from semphase.models.packaged import fixture

if TYPE_CHECKING:
    from semphase.models.anatomy import check_anatomy
    from semphase.models.loading import load
    from semphase.models.model import Anatomy, Model
    from semphase.models.precision import mantissa_bits, require_precision, use_full_precision
    from semphase.models.probing import write_of
    from semphase.models.reinit import reinitialised
    from semphase.models.size import size_class

__all__ = [
    "CATALOGUE",
    "Anatomy",
    "Model",
    "check_anatomy",
    "fixture",
    "load",
    "mantissa_bits",
    "reinitialised",
    "require_precision",
    "size_class",
    "use_full_precision",
    "write_of",
]

if not TYPE_CHECKING:  # a type checker sees the names themselves
    __getattr__, __dir__ = contents(
        __name__,
        {
            "semphase.models.anatomy": "check_anatomy",
            "semphase.models.loading": "load",
            "semphase.models.model": "Anatomy Model",
            "semphase.models.precision": "mantissa_bits require_precision use_full_precision",
            "semphase.models.probing": "write_of",
            "semphase.models.reinit": "reinitialised",
            "semphase.models.size": "size_class",
        },
    )
