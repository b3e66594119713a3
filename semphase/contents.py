"""Contents pages: packages whose names and modules are imported when they are first used (PEP 562)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any


def contents(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package; `homes` holds, for each module, its public names between spaces.

    The package's modules come as by `lazily`.
    """
    home_of = {name: module for module, names in homes.items() for name in names.split()}
    module_of = lazily(package)

    def get(name: str) -> Any:
        if name not in home_of:
            return module_of(name)
        found = getattr(import_module(home_of[name]), name)
        setattr(sys.modules[package], name, found)
        return found

    return get, lambda: sorted(home_of)


def lazily(package: str) -> Callable[[str], ModuleType]:
    """`__getattr__` of a package: `from package import module` costs nothing until something of the module is used.

    So a file can name the modules that measure, and a list of claims does not wait for torch.
    """

    def get(name: str) -> ModuleType:
        if name.startswith("_") or find_spec(f"{package}.{name}") is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return Later(f"{package}.{name}")

    return get


class Later(ModuleType):
    """Stands for a module that is imported when a public name in it is first asked for."""

    def __getattr__(self, name: str) -> Any:
        # pytest looks at every object in a test file for names like __test__.
        if name.startswith("_"):
            raise AttributeError(f"module {self.__name__!r} has no public attribute {name!r}")
        return getattr(import_module(self.__name__), name)
