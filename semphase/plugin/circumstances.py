"""What all verdicts of a run depend on, as far as it is known before a claim is collected."""

from __future__ import annotations

import hashlib
import platform
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest

from semphase.code import own_sources
from semphase.plugin.options import stands_by_itself, value

_DECIDING = ("device", "corpus", "lexicon", "prompts", "seed", "dtype", "bos", "memory")


def circumstances(config: pytest.Config) -> str:
    """A hash of the code and of the options; empty for a run that takes no verdict from the store."""
    if stands_by_itself(config) or value(config, "afresh"):
        return ""
    options = [value(config, name) for name in _DECIDING]
    told = repr([own_sources(), packages(), options])
    return hashlib.sha256(told.encode()).hexdigest()[:16]


@lru_cache(maxsize=1)
def packages() -> str:
    """A hash of Python's version and of the names and versions of all installed packages: a test may call any of them."""
    told = [platform.python_version(), *sorted(set(_distributions()))]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def _distributions() -> Iterator[str]:
    for folder in map(Path, sys.path):
        if folder.is_dir():
            yield from (path.name for path in folder.iterdir() if path.suffix in (".dist-info", ".egg-info"))
