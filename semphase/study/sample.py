"""What a facet offers for `--verify`: some of its numbers, to be measured again on the CPU in float32."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from semphase.models import Model


@dataclass(frozen=True, slots=True)
class Sample:
    """`difference(reference)` measures again with the reference model and says how far the run's own numbers lie."""

    name: str
    difference: Callable[[Model], float]
    allowed: float


@runtime_checkable
class Sampled(Protocol):
    """A facet that declares samples."""

    def samples(self) -> Iterator[Sample]:
        """Samples of what it measures."""
        ...
