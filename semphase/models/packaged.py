"""Where the packaged data lies: `fixtures/` in a checkout, `semphase/_fixtures` in an installed wheel."""

from __future__ import annotations

from pathlib import Path

from semphase.errors import SemphaseError
from semphase.files import is_there

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


def lexicon_names() -> tuple[str, ...]:
    """The packaged lexicons, in alphabetical order."""
    return tuple(sorted(path.stem for path in fixture("lexicon").glob("*.toml")))


def lexicon_path(name_or_path: str, here: Path) -> Path:
    """The file of a packaged lexicon by its name, else the path itself, seen from the folder `here`.

    SemphaseError for a bare word that is neither.
    """
    names, path = lexicon_names(), here / name_or_path
    if name_or_path in names:
        return fixture(f"lexicon/{name_or_path}.toml")
    if name_or_path.isidentifier() and not is_there(path):
        raise SemphaseError(f"there is no lexicon {name_or_path!r}: choose {', '.join(names)} or a TOML or JSON file")
    return path
