"""How code is looked at: for keys of the store, or for a hash that is written down."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from semphase.code.places import of_project


@dataclass(frozen=True, slots=True)
class View:
    """Packages that count as the project's, the module whose name does not count, the text of the decorator left out."""

    packages: tuple[str, ...] = ()
    nameless: str | None = None
    marked: str | None = None
    searching: bool = False
    """Are values looked at for what a function reaches?"""

    @property
    def lasting(self) -> bool:
        """Is the hash written down for other machines, other versions of Python and other ways to import a file?"""
        return self.nameless is not None

    def counts(self, module: str) -> bool:
        """Is it a module of the project, or of a package that counts as such?"""
        return of_project(module) or self.packaged(module)

    def packaged(self, module: str) -> bool:
        """Is it of a package that counts as the project's?"""
        return any(module == own or module.startswith(f"{own}.") for own in self.packages)

    def name(self, module: str | None) -> str:
        """The module's name, but for the one whose name depends on how it was imported."""
        return "" if module == self.nameless else str(module)

    def told(self, text: str) -> str:
        """A representation without the name of that module."""
        return re.sub(rf"(?<![\w.]){re.escape(self.nameless)}(?=\.)", "", text) if self.nameless else text


_OF_KEYS = View()
VIEW: ContextVar[View] = ContextVar("view", default=_OF_KEYS)


@contextmanager
def viewed(view: View) -> Iterator[None]:
    """Inside the block, code is looked at so."""
    token = VIEW.set(view)
    try:
        yield
    finally:
        VIEW.reset(token)
