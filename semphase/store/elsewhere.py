"""What a store asks of the place where missing measurements are made, when that is not this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Protocol, TypeVar

from semphase.errors import SemphaseError

L = TypeVar("L")
T = TypeVar("T")


class Elsewhere(Protocol):
    """Other processes, which write into the same store."""

    @property
    def units(self) -> int:
        """Into how many units a long list of measurements is worth cutting."""
        ...

    def sent(self, unit: Callable[[], Any], name: str) -> Callable[[], None] | None:
        """Have `unit()` called there; what waits until it is done, and raises SemphaseError where it fails.

        None for a unit that holds what cannot leave this process. Units of one name are the same.
        """
        ...


def cut(labels: Sequence[T], units: int) -> list[list[T]]:
    """The labels in order, in so many slices of nearly equal length at most."""
    count = min(len(labels), max(1, units))
    bounds = [len(labels) * part // count for part in range(count + 1)] if count else []
    return [list(labels[first:last]) for first, last in pairwise(bounds)]


def all_of(waits: Mapping[L, Callable[[], T]]) -> dict[L, T]:
    """Wait for all; then raise the first error, if there was one."""
    found: dict[L, T] = {}
    errors = []
    for label, wait in waits.items():
        try:
            found[label] = wait()
        except SemphaseError as error:
            errors.append(error)
    if errors:
        raise errors[0]
    return found
