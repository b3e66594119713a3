"""Estimates and their control: the same evidence for the untrained copies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol, TypeVar

from semphase.errors import Undefined
from semphase.stats.draws import Population, estimate
from semphase.stats.estimate import Estimate

Statistic = Callable[..., Any]
Own = TypeVar("Own", covariant=True)


class Copied(Protocol[Own]):
    """A study, or a joint one, with its untrained copies."""

    @property
    def untrained(self) -> tuple[Own, ...]:
        """The same study of each copy."""
        ...


def on_copies(study: Copied[Own], made: Callable[[Own], Any]) -> dict[str, Any]:
    """The control of `judge`: the same evidence for each untrained copy where it is defined, else the reason."""
    controls = []
    for copy in study.untrained:
        with suppress(Undefined):
            controls.append(made(copy))
    if controls:
        return {"control": controls}
    return {"reason": "no control: the estimate is not defined for any untrained copy"}


def estimates(
    data: Sequence[Any], statistics: Statistic | Mapping[str, Statistic], population: Population = "prompts"
) -> Estimate | dict[str, Estimate]:
    """One estimate, or one for each named statistic."""
    if callable(statistics):
        return estimate(statistics, *data, population=population)
    return {name: estimate(own, *data, population=population) for name, own in statistics.items()}
