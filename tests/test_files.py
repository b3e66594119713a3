"""A file appears whole or not at all, and nothing is left behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from semphase.errors import SemphaseError
from semphase.files import atomically, read_utf8, write_atomically, write_or_refuse


def test_a_file_is_written_and_written_over(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"
    write_atomically(path, b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


def test_a_broken_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, b"new and longer")
    with pytest.raises(SemphaseError, match=r"the record .*file cannot be written: No space left on device"):
        write_or_refuse(path, b"new and longer", "the record")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> None:
        with atomically(tmp_path / "data.nc") as scratch:
            assert scratch.suffix == ".nc"
            scratch.write_bytes(b"half")
            assert not (tmp_path / "data.nc").exists()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_two_writers_of_one_file_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with atomically(path) as first, atomically(path) as second:
        first.write_bytes(b"first")
        second.write_bytes(b"second")
    assert path.read_bytes() == b"first"  # the outer block ends last


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no such device")
def test_a_device_without_an_end_is_not_read() -> None:
    with pytest.raises(OSError, match="may never end"):
        read_utf8(Path("/dev/zero"))
