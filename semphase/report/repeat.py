"""The command that judges one claim again as its run did."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

PLACE = "reports/again"
"""Where the repeated report goes: it would take the place of the one that is read."""
_VALUED = ("claims", "out", "junitxml", "junit-xml", "numprocesses", "dist")
_FLAGS = ("accept",)
_SHORT = ("-n",)
_PREFIX = "semphase-"


def repeating(command: str, claim: str) -> str:
    """The run's command with this claim alone, another place for its report, and nothing recorded."""
    try:
        words = shlex.split(command)
    except ValueError:
        words = command.split()
    prefix = _PREFIX if any(word.startswith(f"--{_PREFIX}") for word in words) else ""
    return shlex.join([*_kept(words), f"--{prefix}claims={claim}", f"--{prefix}out={PLACE}"])


def _kept(words: Sequence[str]) -> Iterator[str]:
    """The words but for the options that one claim, repeated, replaces; with their values."""
    left = iter(words)
    for word in left:
        name = word.partition("=")[0].removeprefix("--").removeprefix(_PREFIX)
        if not word.startswith("-") or (not word.startswith("--") and word not in _SHORT):
            yield word
        elif word in _SHORT or (name in _VALUED and "=" not in word):
            next(left, None)
        elif name not in (*_VALUED, *_FLAGS):
            yield word
