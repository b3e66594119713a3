"""A generated text is kept in the user's cache, for this code alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from semphase.data.corpus import written_once as module
from semphase.data.corpus.written_once import written_once


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / name)
    return tmp_path / "semphase" / "corpora" / "story.json"


def refuse() -> str:
    raise AssertionError


def test_a_text_is_made_once(cache: Path) -> None:
    assert written_once("story", lambda: "anna saw\nthe bank") == "anna saw\nthe bank"
    assert written_once("story", refuse) == "anna saw\nthe bank"


def test_other_code_makes_it_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    written_once("story", lambda: "old")
    monkeypatch.setattr(module, "own_sources", lambda: "changed")
    assert written_once("story", lambda: "new") == "new"


def test_so_does_a_damaged_file_and_a_cache_that_refuses_keeps_nothing(cache: Path) -> None:
    written_once("story", lambda: "old")
    cache.write_bytes(cache.read_bytes()[:-5])
    assert written_once("story", lambda: "new") == "new"
    cache.unlink()
    cache.parent.rmdir()
    cache.parent.write_text("in the way")
    assert written_once("story", lambda: "newer") == "newer"
