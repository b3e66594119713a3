"""Published documents with planted figures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from semphase.science.audit.printed import Document
from semphase.science.audit.rounding import around


def planted(document: Document, table: str, column: str, values: object, half: float = 0.0) -> Document:
    """The document with one column of figures replaced, each known to within `half`."""
    own = document[table]
    figures = {**own.figures, column: around(np.asarray(values, dtype=float), half)}
    return replace(document, tables={**document.tables, table: replace(own, figures=figures)})


def with_rows(document: Document, table: str, column: str, values: dict[int, float]) -> Document:
    """The document with some figures of a column replaced, exactly known."""
    figures = document[table][column].value.copy()
    for row, value in values.items():
        figures[row] = value
    return planted(document, table, column, figures)
