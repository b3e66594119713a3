"""The report for programs."""

from __future__ import annotations

import json
from typing import Any

from semphase.report.schema import Document

_WIDTH = 110


def to_json(document: Document) -> str:
    """`verdicts.json`: standard JSON, no NaN and no Infinity."""
    return dumps(document) + "\n"


def dumps(value: Any, depth: int = 0) -> str:
    """JSON in which rows of numbers, and whatever is short, stay on one line.

    Raises ValueError for NaN and the infinities.
    """
    flat = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if len(flat) + depth <= _WIDTH or not isinstance(value, dict | list) or _is_row(value):
        return flat
    if isinstance(value, dict):
        return _block("{}", [f"{json.dumps(key)}: {dumps(item, depth + 1)}" for key, item in value.items()], depth)
    return _block("[]", [dumps(item, depth + 1) for item in value], depth)


def _is_row(value: Any) -> bool:
    return isinstance(value, list) and all(item is None or isinstance(item, int | float) for item in value)


def _block(brackets: str, items: list[str], depth: int) -> str:
    inner = "\n" + " " * (depth + 1)
    return brackets[0] + inner + f",{inner}".join(items) + "\n" + " " * depth + brackets[1]
