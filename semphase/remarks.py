"""What the reader of a report should know of how something was measured, told from deep inside to whoever listens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_HEARD: ContextVar[list[str] | None] = ContextVar("heard", default=None)


def remark(sentence: str) -> None:
    """Tell the nearest listener, once; nobody where nobody listens."""
    heard = _HEARD.get()
    if heard is not None and sentence not in heard:
        heard.append(sentence)


@contextmanager
def heard_by(notices: list[str]) -> Iterator[None]:
    """What is remarked on inside the block, in this thread, is appended to `notices`."""
    before = _HEARD.set(notices)
    try:
        yield
    finally:
        _HEARD.reset(before)
