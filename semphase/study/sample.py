"""What a facet offers for `--verify`: some of its numbers, to be measured again on the CPU in float32.

They are the facet's own `samples`, or those of the class `Samples` in a module `samples` beside a module `facet`, where
no claim reaches what they do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Protocol, runtime_checkable

from semphase.models import Model

TOKENS = 1024
"""Of a text that is read again: enough for rounding errors of single tokens to average out, few for a CPU."""


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


def sampling(kind: type) -> Iterator[str]:
    """What declares the samples of a class of facets, as "module:class"."""
    if issubclass(kind, Sampled):
        yield f"{kind.__module__}:{kind.__qualname__}"
    package, _, module = kind.__module__.rpartition(".")
    if module == "facet" and find_spec(f"{package}.samples") is not None:
        yield f"{package}.samples:Samples"
