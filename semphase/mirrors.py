"""Where a machine keeps what it has of a store that lies at a URL."""

from __future__ import annotations

import hashlib
from pathlib import Path

from platformdirs import user_cache_path


def mirror(url: str) -> Path:
    """The folder here in which the entries of a URL are kept."""
    name = hashlib.sha256(url.rstrip("/").encode()).hexdigest()[:16]
    return user_cache_path("semphase", appauthor=False) / "mirrors" / name
