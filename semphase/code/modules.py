"""Modules of the project as their files tell of them, with the values of their names where they are imported."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from semphase.code.places import PACKAGE, of_project
from semphase.code.sources import Named
from semphase.code.statements import Sheet, sheet_of
from semphase.code.touching import Import

_NOTHING = sheet_of("")
_TELLING_ITS_PLACE = frozenset({"__file__", "__name__", "__path__", "__spec__", "__package__", "__loader__"})


@dataclass(frozen=True, slots=True, eq=False)
class Module:
    """A module of the project: its name, what stands at the top of its file, what its names stand for.

    `values` is empty for a file that is only read; what that imports is looked for beside it.
    """

    name: str
    sheet: Sheet
    values: Mapping[str, Any]
    file: Path | None = None
    _placed: dict[str, bool] = field(default_factory=dict)

    @property
    def is_read(self) -> bool:
        """Is its file known? What somebody types into Python has none."""
        return self.sheet is not _NOTHING

    def has(self, name: str) -> bool:
        """Does it give the name a value?"""
        known = name in self.sheet.touching or name in self.sheet.imports
        # Python and pytest add names of their own: __file__, @pytest_ar.
        return known or (name in self.values and name.isidentifier() and not name.startswith("__"))

    def names(self) -> list[str]:
        """All names that it gives a value."""
        return [name for name in dict.fromkeys([*self.sheet.names(), *self.values]) if self.has(name)]

    def tells_its_place(self, name: str) -> bool:
        """Does the value of a name come from where the file lies, or from what it was imported as?"""
        if name not in self._placed:
            self._placed[name] = any(name in _TELLING_ITS_PLACE for name in self._behind(name))
        return self._placed[name]

    def _behind(self, name: str) -> list[str]:
        """The names of this file that a name is made of."""
        found = [name]
        for own in found:
            for statement in self.sheet.touching.get(own, ()):
                found += [root for root, *_ in statement.chains if root not in found]
        return found


Found = Module | tuple[Module, str] | Named | None
"""A module of the project, a name of one, something of semphase, or what is not followed."""


class Modules:
    """The modules that one search meets, each read once."""

    def __init__(self) -> None:
        self._known: dict[int, Module] = {}
        self._read: dict[Path, Module] = {}

    def of(self, values: Mapping[str, Any]) -> Module:
        """The module with these values."""
        known = self._known.get(id(values))
        if known is None or known.values is not values:
            name, file = str(values.get("__name__")), values.get("__file__")
            path = Path(file) if isinstance(file, str) and file.endswith(".py") else None
            known = self._known[id(values)] = Module(name, _sheet(path), values, path)
        return known

    def behind(self, module: Module, name: str) -> Module | Named | None:
        """The module of the project or of semphase that a name of a module stands for; None for anything else."""
        value = module.values.get(name)
        if isinstance(value, ModuleType):
            return self._module(value)
        for own in module.sheet.imports.get(name, ()) if not module.values else ():
            if isinstance(found := self.imported(own, module), Module):
                return found
        return None

    def imported(self, own: Import, module: Module) -> Found:
        """What an import in a module gives it."""
        name = own.module
        if own.level and module.values:
            name = importlib.util.resolve_name("." * own.level + own.module, module.values.get("__package__"))
        if name.partition(".")[0] == PACKAGE:
            return Named(name).of(own.member) if own.member else Named(name)
        if not module.values:
            return self._beside(own, module.file.parent) if module.file is not None else None
        found = _import(name) if of_project(name) else None
        if found is None:
            return None
        if not own.member:
            return self.of(vars(found))
        value = vars(found).get(own.member)
        if own.member not in vars(found) and own.member != "*":
            value = sys.modules.get(f"{name}.{own.member}")
        return self._module(value) if isinstance(value, ModuleType) else (self.of(vars(found)), own.member)

    def run_for(self, module: Module) -> Iterator[Module]:
        """The modules of the project that are run when this one is imported."""
        for own in module.sheet.modules:
            for member in dict.fromkeys(("", own.member)):
                found = self.imported(Import(own.module, member, own.level), module)
                if isinstance(found, Module):
                    yield found

    def _module(self, value: ModuleType) -> Module | Named | None:
        if value.__name__.partition(".")[0] == PACKAGE:
            return Named(value.__name__)
        return self.of(vars(value)) if of_project(value.__name__) else None

    def read(self, file: Path, name: str) -> Module:
        """The module of a file that is read and not imported."""
        if file not in self._read:
            self._read[file] = Module(name, _sheet(file), {}, file)
        return self._read[file]

    def _beside(self, own: Import, folder: Path) -> Found:
        """What lies in the folder under the import's name."""
        for _ in range(own.level - 1):
            folder = folder.parent
        place = folder.joinpath(*own.module.split(".")) if own.module else folder
        inner = _file(place / own.member) if own.member not in ("", "*") else None
        if inner is not None:
            return self.read(inner, f"{own.module}.{own.member}".lstrip("."))
        file = _file(place)
        if file is None:
            return None
        return (self.read(file, own.module), own.member) if own.member else self.read(file, own.module)


def _sheet(file: Path | None) -> Sheet:
    try:
        return sheet_of(file.read_text(encoding="utf-8")) if file is not None else _NOTHING
    except (OSError, SyntaxError, ValueError):
        return _NOTHING


def _import(name: str) -> ModuleType | None:
    try:
        return sys.modules.get(name) or importlib.import_module(name)
    except Exception:
        # It is somebody else's code, which may raise anything.
        return None


def _file(place: Path) -> Path | None:
    return next((own for own in (place.with_name(f"{place.name}.py"), place / "__init__.py") if own.is_file()), None)
