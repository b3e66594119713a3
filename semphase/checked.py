"""JSON files that hold their own checksum: whole, or as good as not there."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from semphase.files import write_atomically

_HEAD, _END = b'{"sha256": "%s",\n"content": ', b"}\n"


def write_checked(path: Path, content: Any) -> None:
    """Write what JSON can hold, infinities and nan among it, in one step; OSError where the disk refuses."""
    write_atomically(path, _framed(json.dumps(content).encode()))


def read_checked(path: Path) -> Any:
    """What was written; None where nothing is, or something else than what was written."""
    try:
        found = path.read_bytes()
    except OSError:
        return None
    told = found[len(_framed(b"")) - len(_END) : -len(_END)]
    return json.loads(told) if found == _framed(told) else None


def _framed(told: bytes) -> bytes:
    return _HEAD % hashlib.sha256(told).hexdigest().encode() + told + _END
