"""Files with one set of prompts: TOML or JSON, with the keys that `Prompts.of` and `Prompts.of_tokens` take."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from semphase.errors import SemphaseError
from semphase.files import read_utf8


def read_fields(path: Path) -> tuple[str, Any, list[Any], dict[str, Any]]:
    """The kind of prompts ("texts" or "ids"), their name, the prompts, and the other fields of a file.

    Raises SemphaseError that names the file and what is wrong in it.
    """
    data = dict(_read(path))
    if ("texts" in data) == ("ids" in data):
        raise SemphaseError(f"the prompts in {path} need either texts or ids; give one of the two keys.")
    kind = "texts" if "texts" in data else "ids"
    name, content = data.pop("name", None), data.pop(kind)
    if not isinstance(content, list):
        raise SemphaseError(f"the prompts in {path} are {content!r}; give a list.")
    return kind, name, content, data


def _read(path: Path) -> Mapping[str, Any]:
    try:
        text = read_utf8(path)
    except (OSError, UnicodeDecodeError) as problem:
        raise SemphaseError(f"the prompts {path} cannot be read ({problem}); give a UTF-8 file.") from problem
    try:
        data = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (ValueError, RecursionError) as problem:  # of numbers too long and of brackets too deep, too
        form = "JSON" if path.suffix == ".json" else "TOML"
        raise SemphaseError(f"the prompts {path} are not valid {form}: {problem}.") from problem
    if not isinstance(data, Mapping):
        raise SemphaseError(f"the prompts {path} are no table of keys; give name, texts and labels.")
    return data
