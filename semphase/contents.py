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

    "*" stands for the `__all__` of the module, which is imported when a name is found nowhere else. The package's
    modules come as by `lazily`, its own `__all__` holds every name.
    """
    home_of = {name: module for module, names in homes.items() for name in names.split() if names != "*"}
    whole = [module for module, names in homes.items() if names == "*"]
    module_of = lazily(package)

    def names() -> list[str]:
        return sorted([*home_of, *(name for module in whole for name in import_module(module).__all__)])

    def get(name: str) -> Any:
        if name == "__all__":
            return names()
        home = home_of.get(name) or next((own for own in whole if _shows(own, name)), None)
        if home is None:
            return module_of(name)
        found = getattr(import_module(home), name)
        setattr(sys.modules[package], name, found)
        return found

    return get, names


def _shows(module: str, name: str) -> bool:
    return not name.startswith("_") and name in import_module(module).__all__


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
