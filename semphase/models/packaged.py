"""Where the packaged data lies: `fixtures/` in a checkout, `semphase/_fixtures` in an installed wheel."""

from __future__ import annotations

from pathlib import Path

from semphase.errors import SemphaseError

_PACKAGE = Path(__file__).resolve().parents[1]
_PLACES = (_PACKAGE / "_fixtures", _PACKAGE.parent / "fixtures")

TABLES = ("published", "lexicon")
"""The packaged folders that are no model."""


def places(name: str) -> tuple[Path, ...]:
    """Where a packaged file or folder may be."""
    return tuple(place / name for place in _PLACES)


def fixture(name: str) -> Path:
    """The path of a packaged file or folder, such as "tiny"; SemphaseError if it is not there."""
    for place in places(name):
        if place.exists():
            return place
    raise SemphaseError(f"the packaged data {name!r} is missing: reinstall semphase or restore the fixtures folder")
