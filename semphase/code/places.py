"""Whose a module is: the project's, or semphase's, the standard library's, an installed package's."""

from __future__ import annotations

import importlib.util
import site
import sys
import sysconfig
from functools import lru_cache
from pathlib import Path

PACKAGE = "semphase"


def of_project(module: str) -> bool:
    """Is it neither semphase nor the standard library nor an installed package? Its place decides, not its name."""
    if module.partition(".")[0] == PACKAGE:
        return False
    if module == "__main__":
        return True
    # What is not imported may be found elsewhere later, so only what is imported is remembered.
    if module in sys.modules:
        return _imported_of_project(module, vars(sys.modules[module]).get("__file__"))
    return _is_project(module)


@lru_cache(maxsize=4096)
def _imported_of_project(module: str, _file: str | None) -> bool:
    return _is_project(module)


def _is_project(module: str) -> bool:
    place = _place(module)
    if place is None or any(place.is_relative_to(folder) for folder in installed()):
        return False
    return not any(place.is_relative_to(folder) for folder in _standard())


def _place(module: str) -> Path | None:
    """The file or folder of a module, imported or not; None where it has none."""
    if module in sys.modules:
        # Asked of its dictionary, for a module may make up any attribute.
        found = vars(sys.modules[module])
        places = [found.get("__file__"), *found.get("__path__", ())]
    else:
        try:
            spec = importlib.util.find_spec(module)
        except (ModuleNotFoundError, ValueError):
            return None
        origin = spec.origin if spec is not None and spec.has_location else None
        places = [] if spec is None else [origin, *(spec.submodule_search_locations or ())]
    return next((Path(place).resolve() for place in places if place), None)


@lru_cache(maxsize=1)
def installed() -> tuple[Path, ...]:
    """The folders of installed packages."""
    places = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()}
    return tuple(Path(place).resolve() for place in {*places, site.getusersitepackages()})


@lru_cache(maxsize=1)
def _standard() -> tuple[Path, ...]:
    return tuple(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib"))
