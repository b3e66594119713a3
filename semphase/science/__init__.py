"""Phenomena, one folder each: what is measured of it, its statistics, its figures.

A folder's modules are imported when something in them is first used, so that a claim file may name them all and is
still collected without torch.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any


class Later:
    """A module that is imported when a name in it is first asked for."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        # Who collects tests asks every global for marks; that is no use of the module.
        if name.startswith("_") or name == "pytestmark":
            raise AttributeError(f"{self._module} has no public {name}")
        return getattr(import_module(self._module), name)


def lazily(package: str) -> Callable[[str], Any]:
    """`__getattr__` of a package (PEP 562) whose modules come as `Later`."""

    def get(name: str) -> Later:
        module = f"{package}.{name}"
        if name.startswith("_") or find_spec(module) is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return Later(module)

    return get
