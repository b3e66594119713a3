"""What becomes of an estimate that is not defined: the claim does not apply, or an untrained copy is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol, TypeVar

from semphase.errors import NotApplicable, Undefined

Own = TypeVar("Own")
Kind = TypeVar("Kind", covariant=True)


class Copied(Protocol[Kind]):
    """A study, or a joint one, with its untrained copies."""

    @property
    def registered(self) -> bool:
        """Is this the registered analysis, and no universe?"""
        ...

    @property
    def untrained(self) -> tuple[Kind, ...]:
        """The same study of each copy."""
        ...


def on_copies(study: Copied[Own], made: Callable[[Own], Any]) -> dict[str, Any]:
    """The control of `judge`: the same evidence for each untrained copy where it is defined, else the reason."""
    if not study.registered:  # a universe has no control
        return {}
    controls = []
    for copy in study.untrained:
        with suppress(Undefined):
            controls.append(made(copy))
    if controls:
        return {"control": controls}
    return {"reason": "no control: the estimate is not defined for any untrained copy"}


@contextmanager
def where_defined() -> Iterator[None]:
    """A claim does not apply to a model for which its estimate is not defined; the reason is that of `Undefined`."""
    try:
        yield
    except Undefined as reason:
        raise NotApplicable(str(reason)) from reason
