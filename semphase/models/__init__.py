"""`--model NAME` to a loaded model: its parts, its processing, its precision."""

from __future__ import annotations

from semphase.models.anatomy import check_anatomy, write_of
from semphase.models.catalogue import CATALOGUE
from semphase.models.load import load
from semphase.models.model import Anatomy, Model
from semphase.models.packaged import fixture
from semphase.models.precision import mantissa_bits, require_precision, use_full_precision
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
