"""Verdicts of earlier runs: kept in the store when they are judged, given back while nothing that they depend on changes."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest

from semphase.checked import read_checked, write_checked
from semphase.errors import SemphaseError
from semphase.plugin import reading
from semphase.plugin.collect import claim_of, label_of
from semphase.plugin.depends import Key, files_behind, key_of, unchanged
from semphase.plugin.options import stands_by_itself, value
from semphase.plugin.running import FIGURES, JUDGE, KEPT, RESTORED, USED, substitutes_of
from semphase.plugin.session import session_of
from semphase.report.drawing import Drawn, drawn_before
from semphase.verdict.written import read_back, written

FOLDER = "verdicts"
KEY = pytest.StashKey[Key | None]()
BEFORE = pytest.StashKey[tuple[int, int]]()
"""How much had been read, and how many notices the store had given, before the test's body."""


def restore(item: pytest.Item) -> bool:
    """Give the item the verdict that is kept for it, with its figures; False where it has to be judged.

    Raises SemphaseError for a disk that refuses the figures.
    """
    item.stash[KEY] = key = key_of(item) if _may_be_kept(item) else None
    item.stash[BEFORE] = reading.so_far(), _notices(item)
    if key is None or value(item.config, "afresh"):
        return False
    found = read_checked(_place(item, key))
    item.stash[RESTORED] = item.stash[KEPT] = found is not None and _taken(item, found)
    return item.stash[RESTORED]


def keep(item: pytest.Item) -> None:
    """Keep the verdict of the item for later runs, if its key holds all that it depends on and the disk allows it."""
    key, drawn = item.stash.get(KEY, None), item.stash[FIGURES]
    if key is None or key.rests_on(reading.readers()):
        return
    if not drawn.all_kept or item.stash[BEFORE] != (reading.so_far(), _notices(item)):
        return
    verdict = item.stash[JUDGE].verdict
    assert verdict is not None
    behind = files_behind(item)
    told = {
        "claim": verdict.claim.id,
        "files": behind,
        "models": label_of(item),
        "figures": drawn.images,
        "prompts": _used(item),
    }
    with contextlib.suppress(OSError, SemphaseError):
        write_checked(_place(item, key), told | {"judged": written(verdict)})
        item.stash[KEPT] = True


def _may_be_kept(item: pytest.Item) -> bool:
    """No time, and none that is to be checked, recorded or archived with its measurements."""
    claim = claim_of(item)
    return claim is not None and not claim.timed and not stands_by_itself(item.config) and JUDGE in item.stash


def _taken(item: pytest.Item, found: Any) -> bool:
    """Put what is kept in the place of what the body does; False where it cannot be used."""
    session, judge = session_of(item.config), item.stash[JUDGE]
    try:
        if not unchanged(found["files"]):
            return False
        verdict = read_back(judge.claim, found["judged"])
        images, used = dict(found["figures"]), list(found["prompts"])
    except (SemphaseError, KeyError, TypeError, ValueError, AttributeError):
        return False
    if not drawn_before(images, session.staging, session.settings.store / "figures"):
        return False
    judge.verdict = verdict
    item.stash[FIGURES] = Drawn(images)
    substitutes_of(item).used.extend(used)
    return True


def _place(item: pytest.Item, key: Key) -> Path:
    return session_of(item.config).settings.store / FOLDER / f"{key.name}.json"


def _used(item: pytest.Item) -> list[str]:
    return substitutes_of(item).used[item.stash[USED] :]


def _notices(item: pytest.Item) -> int:
    """A verdict with a notice of its store is judged again, since the notice may say what happens once."""
    study = getattr(item, "funcargs", {}).get("study")
    return sum(len(own.store.notices) for own in getattr(study, "each", ()))
