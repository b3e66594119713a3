"""The figures of a published document as they are printed: tables whose cells carry their rounding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from semphase.errors import SemphaseError
from semphase.science.audit.rounding import Interval


@dataclass(frozen=True, slots=True)
class Table:
    """One table, or the figures of one passage of prose: columns of figures and of text, row by row."""

    name: str
    section: str
    figures: Mapping[str, Interval]
    text: Mapping[str, tuple[str, ...]]

    def __getitem__(self, column: str) -> Interval:
        """The figures [row] of a column; SemphaseError if the table has none of that name."""
        if column not in self.figures:
            raise SemphaseError(f"the published table {self.name!r} has no figures {column!r}: add them to its file.")
        return self.figures[column]

    def names(self, column: str) -> tuple[str, ...]:
        """The words of a column of text."""
        if column not in self.text:
            raise SemphaseError(f"the published table {self.name!r} has no text {column!r}: add it to its file.")
        return self.text[column]

    def row(self, key: str, column: str = "figure") -> Interval:
        """The figure in the row whose first column of text is `key`."""
        return self[column][_place(self.name, next(iter(self.text.values()), ()), key)]

    def ints(self, column: str) -> list[int]:
        """A column of exact counts."""
        return [int(count) for count in self[column].value]

    def moved(self, column: str) -> Table:
        """The table with one column moved down by one row, the last figure coming first."""
        shifted = self[column].map(lambda array: np.roll(array, 1))
        return replace(self, figures={**self.figures, column: shifted})


@dataclass(frozen=True, slots=True)
class Document:
    """The tables of one source document, named by the first three digits of its file."""

    number: str
    title: str
    tables: Mapping[str, Table]
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What a part of the document was measured on: its "models", and counts; only what is stated."""

    def __getitem__(self, name: str) -> Table:
        """A table; SemphaseError if the document has none of that name."""
        if name not in self.tables:
            raise SemphaseError(f"document {self.number} has no published table {name!r}: add it to its file.")
        return self.tables[name]

    def moved(self, table: str, column: str) -> Document:
        """The document with one column of one table moved by a row: the perturbed table of a control."""
        return replace(self, tables={**self.tables, table: self[table].moved(column)})

    def where(self, table: str) -> str:
        """Document and section of a table, so that a reader finds the line."""
        return f"{self.number}, {self[table].section}"


def _place(name: str, keys: tuple[str, ...], key: str) -> int:
    if keys.count(key) != 1:
        raise SemphaseError(f"the published table {name!r} must have one row {key!r}, it has {keys.count(key)}.")
    return keys.index(key)
