"""When each claim was judged first, kept beside the measurements: did its registration come before?"""

from __future__ import annotations

import contextlib
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from semphase.checked import read_checked, write_checked

FOLDER = "judged"


@dataclass(frozen=True, slots=True)
class First:
    """The first verdict on a claim that a store knows of: its moment (ISO, UTC), its run, and the claim's hashes then."""

    id: str
    date: str
    run: str
    rule: str
    code: str

    @property
    def moment(self) -> datetime:
        """When that was."""
        return datetime.fromisoformat(self.date)


def first(store: Path, claim: str) -> First | None:
    """The first verdict on a claim; None where the store knows of none."""
    return _read(_place(store, claim), claim)


def record(store: Path, claim: str, run: str, rule: str, code: str) -> None:
    """Keep that a claim is judged now, unless it was before; a disk that refuses keeps nothing."""
    if first(store, claim) is None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        with contextlib.suppress(OSError):
            write_checked(_place(store, claim), asdict(First(claim, now, run, rule, code)))


def is_fresh(store: Path, run: str) -> bool:
    """Did no other run judge anything with the store?"""
    with contextlib.suppress(OSError):
        found = (_read(path, path.stem) for path in (store / FOLDER).glob("*.json"))
        return not any(own is not None and own.run != run for own in found)
    return True


def _read(path: Path, claim: str) -> First | None:
    try:
        found = First(**read_checked(path))
        whole = found.id == claim and found.moment.tzinfo is not None
    except (TypeError, ValueError):
        return None
    return found if whole else None


def _place(store: Path, claim: str) -> Path:
    return store / FOLDER / f"{claim}.json"
