"""The control that most claims have: the same evidence for the untrained copies."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol, TypeVar

from semphase.errors import Undefined

Own = TypeVar("Own")
Kind = TypeVar("Kind", covariant=True)


class Copied(Protocol[Kind]):
    """A study, or a joint one, with its untrained copies."""

    @property
    def untrained(self) -> tuple[Kind, ...]:
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
