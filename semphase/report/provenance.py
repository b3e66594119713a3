"""Where a report comes from: code revision, package versions."""

from __future__ import annotations

import platform
import shutil
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "semphase", "torch", "transformers", "transformer-lens", "numpy", "scipy",
    "statsmodels", "lmfit", "xarray", "powerlaw", "pytest",
)  # fmt: skip


def git_state(folder: Path) -> dict[str, Any] | None:
    """The revision checked out in `folder` and whether files differ from it; None outside a repository."""
    revision = _git(folder, "rev-parse", "HEAD")
    if revision is None:
        return None
    return {"revision": revision.strip(), "dirty": bool(_git(folder, "status", "--porcelain"))}


def versions() -> dict[str, str]:
    """Python's version and that of each installed package that shapes the numbers."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _git(folder: Path, *words: str) -> str | None:
    git = shutil.which("git")
    if git is None:
        return None
    command = [git, "-C", str(folder), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
