"""The folder in the user's cache where weights are kept that were joined or converted once for all processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock
from platformdirs import user_cache_path
from safetensors import SafetensorError

from semphase.errors import SemphaseError


@contextmanager
def keeping(name: str) -> Iterator[Path]:
    """The folder, while no other process makes what is called `name` there.

    SemphaseError, with the reason and the way out, where the disk refuses.
    """
    home = user_cache_path("semphase") / "gguf"
    try:
        home.mkdir(parents=True, exist_ok=True)
        with FileLock(home / f"{name}.lock"):
            yield home
    except (OSError, SafetensorError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise SemphaseError(
            f"weights cannot be kept in {home} ({reason}): make room there, or set XDG_CACHE_HOME to another folder"
        ) from problem
