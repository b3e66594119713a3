"""The detail of a verdict in a line for each of its keys: how much there is, and between which ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from statistics import median
from typing import Any

from semphase.report.wording import NOTHING, interval, number

LONGEST = 200
FEW = 5


def summarised(detail: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The keys with what each holds, in a few words; parts of the criterion are told elsewhere."""
    for key, value in detail.items():
        if key != "parts":
            yield " ".join(key.split()), summary(value)


def summary(value: Any) -> str:
    """What a value holds, in one line: itself where it is short, else how many numbers between which ends."""
    told = " ".join(_told(value).split())
    return told if len(told) <= LONGEST else told[: LONGEST - 1] + "…"


def _told(value: Any) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, Mapping):
        return _mapping(value)
    if isinstance(value, str):
        return value
    return _sequence(value)


def _mapping(value: Mapping[str, Any]) -> str:
    if {"value", "low", "high", "unit"} <= value.keys():
        return interval(value)  # type: ignore[arg-type]
    if value and all(_is_number(item) for item in value.values()):
        return _named(value) if len(value) > FEW else ", ".join(f"{key} {summary(item)}" for key, item in value.items())
    if {"dims", "data"} <= value.keys() and isinstance(value["dims"], list):
        return f"{' × '.join(map(str, value['dims'])) or 'a number'}: {summary(value['data'])}"
    return f"{len(value)} {'key' if len(value) == 1 else 'keys'}: {', '.join(value)}" if value else "nothing"


def _named(value: Mapping[str, float | None]) -> str:
    there = {key: item for key, item in value.items() if item is not None}
    if not there:
        return f"{len(value)} missing numbers"
    least, most = min(there, key=there.__getitem__), max(there, key=there.__getitem__)
    ends = f"from {number(there[least])} ({least}) to {number(there[most])} ({most})"
    return f"{_amount(str(len(value)), len(value) - len(there))} {ends}"


def _sequence(value: Sequence[Any]) -> str:
    shape, flat = _shape(value), list(_flat(value))
    if not flat or not all(_is_number(item) for item in flat):
        return _listed(value)
    there = [item for item in flat if item is not None]
    if len(shape) == 1 and len(flat) <= FEW:
        return ", ".join(map(summary, flat))
    if not there:
        return f"{len(flat)} missing numbers"
    ends = f"from {number(min(there))} to {number(max(there))}, median {number(median(there))}"
    regular = prod(shape) == len(flat)
    return f"{_amount(' × '.join(map(str, shape)) if regular else str(len(flat)), len(flat) - len(there))} {ends}"


def _listed(value: Sequence[Any]) -> str:
    """Things that are no numbers; tables of one form by their keys."""
    if not value:
        return "nothing"
    if all(isinstance(item, Mapping) for item in value):
        keys = dict.fromkeys(key for item in value for key in item)
        return f"{len(value)} {'table' if len(value) == 1 else 'tables'} of {', '.join(keys)}"
    told = ", ".join(map(summary, value))
    return told if len(value) <= FEW else f"{len(value)}: {told}"


def _amount(shape: str, missing: int) -> str:
    return f"{shape} numbers{f' ({missing} missing)' if missing else ''}"


def _shape(value: Any) -> tuple[int, ...]:
    """The lengths along a nested list, as far as they are the same everywhere."""
    if not isinstance(value, list):
        return ()
    inner = {_shape(item) for item in value}
    return (len(value), *(inner.pop() if len(inner) == 1 else ()))


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _flat(item)
    else:
        yield value


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
