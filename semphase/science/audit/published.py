"""Reading `fixtures/published/NNN.toml`.

A cell is a figure in quotes, rounded to its last digit ("2.67e5", "-0.5460"), or an exact count without quotes, or a
word in a column that the table names as text. A [[setting]] says what a part of the document was measured on.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from semphase.errors import SemphaseError
from semphase.science.audit.printed import Document, Table
from semphase.science.audit.rounding import around
from semphase.verdict.claim import QUANTITIES

_PACKAGE = Path(__file__).resolve().parents[2]
_PLACES = (_PACKAGE / "_fixtures" / "published", _PACKAGE.parent / "fixtures" / "published")
_FIGURE = re.compile(r"[-+]?\d+(\.\d+)?(e[-+]?\d+)?")
_KEYS = ("name", "section", "columns", "text", "rows")


@cache
def load(number: str) -> Document:
    """The packaged document of these three digits; SemphaseError if it is missing or broken."""
    for place in _PLACES:
        if (place / f"{number}.toml").is_file():
            return read(place / f"{number}.toml")
    raise SemphaseError(f"the published figures {number!r} are missing: reinstall semphase or restore fixtures.")


def read(path: Path) -> Document:
    """A document from its file; SemphaseError names the table and the cell that break the form."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise SemphaseError(f"the published figures {path.name} cannot be read: {problem}") from problem
    if not {"document", "title", "table"} <= set(data):
        raise SemphaseError(f"the published figures {path.name} need document, title and [[table]]; add them.")
    tables = [_table(raw, path.name) for raw in data["table"]]
    settings = [_setting(raw, path.name) for raw in data.get("setting", ())]
    _once([table.name for table in tables], f"{path.name} has the table")
    _once([part for part, _ in settings], f"{path.name} has the setting")
    return Document(data["document"], data["title"], {table.name: table for table in tables}, dict(settings))


def stated(number: str, part: str, model: str = "") -> dict[str, str | int]:
    """What a part of a document says that it measured on, for `Published.setting`; empty if it says nothing.

    `model` is one of the models that the part names, or several joined with "+"; it may be left out where there is one.
    Raises SemphaseError for a part without a setting, and for a model that it does not name.
    """
    settings = load(number).settings
    if part not in settings:
        raise SemphaseError(f"document {number} has no setting of {part!r}; there are {', '.join(settings)}.")
    named = settings[part].get("models", [])
    own = model or "+".join(named)
    if (len(named) > 1 and not model) or not set(filter(None, own.split("+"))) <= set(named):
        raise SemphaseError(f"document {number}, {part} names the models {', '.join(named) or 'none'}, not {model!r}.")
    counts = {name: settings[part][name] for name in QUANTITIES if name in settings[part]}
    return {"model": own, **counts} if own else counts


def figure(cell: object) -> tuple[float, float]:
    """A cell's value and half a unit of its last digit, 0 for an exact count; ValueError if it is neither."""
    if isinstance(cell, int) and not isinstance(cell, bool):
        return float(cell), 0.0
    if not isinstance(cell, str) or not _FIGURE.fullmatch(cell):
        raise ValueError(repr(cell))
    digits = Decimal(cell)
    last = int(digits.as_tuple().exponent)
    return float(digits), float(Decimal(5).scaleb(last - 1))


def _once(names: list[str], where: str) -> None:
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise SemphaseError(f"{where} {repeated[0]!r} twice; rename one.")


def _setting(raw: Mapping[str, Any], where: str) -> tuple[str, Mapping[str, Any]]:
    counts = [raw[key] for key in QUANTITIES if key in raw]
    if not {"part", "section"} <= set(raw) <= {"part", "section", "said", "models", *QUANTITIES}:
        raise SemphaseError(
            f"{where}: the setting {raw.get('part', '?')!r} needs part and section, and may have said, models,"
            f" {', '.join(QUANTITIES)}; mend its keys."
        )
    if not all(isinstance(count, int) and count > 0 for count in counts):
        raise SemphaseError(f"{where}: the setting {raw['part']!r} counts in whole numbers above 0; mend them.")
    return raw["part"], raw


def _table(raw: Mapping[str, Any], where: str) -> Table:
    missing = [key for key in _KEYS if key not in raw]
    label = f"{where}: the table {raw.get('name', '?')!r}"
    if missing:
        raise SemphaseError(f"{label} lacks {missing[0]!r}; add it.")
    columns, rows = raw["columns"], raw["rows"]
    if not rows or any(len(row) != len(columns) for row in rows):
        raise SemphaseError(f"{label} needs rows of {len(columns)} cells, one for each column; mend them.")
    if not set(raw["text"]) <= set(columns):
        raise SemphaseError(f"{label} names text that is no column; columns are {', '.join(columns)}.")
    cells = {name: [row[i] for row in rows] for i, name in enumerate(columns)}
    words = {name: tuple(map(str, cells[name])) for name in raw["text"]}
    figures = {name: _column(found, f"{label}, column {name!r}") for name, found in cells.items() if name not in words}
    return Table(raw["name"], raw["section"], figures, words)


def _column(cells: list[object], where: str) -> Any:
    try:
        read = [figure(cell) for cell in cells]
    except ValueError as problem:
        raise SemphaseError(
            f"{where} holds {problem}, which is no figure; give a number as it is printed."
        ) from problem
    return around(*np.array(read).T)
