"""JSON files with their own checksum: whole, or as good as not there."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from semphase.checked import read_checked, write_checked

CONTENT = {"a": [1.5, -math.inf, None], "é": {"b": "\ud800\n"}}


def test_what_was_written_is_read_and_is_json(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "one.json"
    write_checked(path, CONTENT)
    assert read_checked(path) == CONTENT
    assert json.loads(path.read_text())["content"] == CONTENT


def test_nothing_is_read_from_nowhere(tmp_path: Path) -> None:
    assert read_checked(tmp_path / "none.json") is None
    assert read_checked(tmp_path) is None


@pytest.mark.parametrize("place", range(0, 140, 7))
def test_a_changed_byte_is_seen(tmp_path: Path, place: int) -> None:
    path = tmp_path / "one.json"
    write_checked(path, CONTENT)
    whole = bytearray(path.read_bytes())
    whole[place % len(whole)] ^= 1
    path.write_bytes(whole)
    assert read_checked(path) is None


@pytest.mark.parametrize("length", [0, 1, 50, -1])
def test_so_is_a_file_that_was_cut(tmp_path: Path, length: int) -> None:
    path = tmp_path / "one.json"
    write_checked(path, CONTENT)
    path.write_bytes(path.read_bytes()[:length])
    assert read_checked(path) is None
