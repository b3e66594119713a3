"""Measured values in the types that JSON knows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Set
from dataclasses import fields, is_dataclass
from datetime import date
from typing import Any

import numpy as np

from semphase.errors import SemphaseError
from semphase.stats.estimate import UNTOLD


def plain(value: Any) -> Any:
    """The value as dicts, lists, numbers, strings, booleans and None; NaN and the infinities become None.

    Takes numpy arrays and scalars, dataclasses such as `Estimate`, xarray objects, mappings, sequences, sets
    and dates. Raises SemphaseError for anything else.
    """
    if value is None or isinstance(value, str | bool):
        return _encodable(value) if isinstance(value, str) else value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    for kind, convert in _CONVERSIONS:
        if isinstance(value, kind):
            return convert(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {own.name: plain(getattr(value, own.name)) for own in fields(value) if UNTOLD not in own.metadata}
    if hasattr(value, "to_dict") and hasattr(value, "dims"):
        return _labelled(value)
    raise SemphaseError(
        f"a report cannot hold a {type(value).__name__}: give numbers, strings, arrays or mappings as detail"
    )


def _encodable(text: str) -> str:
    """The text with "?" for lone surrogates, which no file can hold."""
    return text.encode(errors="replace").decode()


def _labelled(value: Any) -> Any:
    """A labelled array without its attributes; an xarray dataset is a mapping of such."""
    described = plain(value.to_dict())
    return {key: described[key] for key in ("dims", "coords", "data")}


def _mapping(value: Mapping[Any, Any]) -> dict[str, Any]:
    return {_encodable(str(key)): plain(item) for key, item in value.items()}


def _listed(value: Any) -> list[Any]:
    return [plain(item) for item in value]


def _sorted(value: Set[Any]) -> list[Any]:
    return sorted(_listed(value), key=repr)


def _unwrapped(value: Any) -> Any:
    return plain(value.tolist())


def _dated(value: date) -> str:
    return value.isoformat()


_CONVERSIONS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (np.ndarray, _unwrapped),
    (np.generic, _unwrapped),
    (Mapping, _mapping),
    (list | tuple, _listed),
    (Set, _sorted),
    (date, _dated),
)
