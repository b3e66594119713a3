"""Strings as TOML's basic strings, which are JSON's but for one character."""

from __future__ import annotations

import json


def quoted(text: str) -> str:
    """The text in quotation marks; TOML wants DEL escaped, which JSON lets pass."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
