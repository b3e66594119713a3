"""Texts that take a second to generate, kept in the user's cache."""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Callable

from semphase.checked import read_checked, write_checked
from semphase.code import own_sources


def written_once(name: str, make: Callable[[], str]) -> str:
    """What `make` writes, by this semphase and this Python; made anew where it is not kept, or not whole."""
    from platformdirs import user_cache_path

    path, by = user_cache_path("semphase") / "corpora" / f"{name}.json", [own_sources(), platform.python_version()]
    found = read_checked(path)
    if isinstance(found, dict) and found.get("by") == by:
        return str(found["text"])
    text = make()
    with contextlib.suppress(OSError):
        write_checked(path, {"by": by, "text": text})
    return text
