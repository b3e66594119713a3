"""Real pytest runs in subprocesses, on a study that costs nothing."""

from __future__ import annotations

from projects import Make, Project, Ran, make

__all__ = ["Make", "Project", "Ran", "make"]
