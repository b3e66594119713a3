"""Stores of somebody else's, and on disks that cannot lock: read all the same, or refused with what helps.

Root may do anything, so a reader gives up its rights in a process of its own, or the system call is made to fail.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import pytest
import xarray as xr

from semphase.errors import SemphaseError
from semphase.report.drawing import draw
from semphase.store import Store, netcdf

KEY = {"measurement": "streams", "model": "ab"}
SEVERAL = {name: {"measurement": "many", "name": name} for name in "ab"}
PLAIN = xr.Dataset({"x": (("layer", "d"), np.ones((3, 2), np.float32))})
LABELLED = xr.Dataset({"x": ("word", [1.5, 2.5])}, coords={"word": ["bank", "key"]})
HDF5 = "Unable to synchronously open file (unable to lock file, errno = 37, error message = 'No locks available')"


def filled(root: Path) -> Store:
    """A store with an entry, and two that were measured together."""
    store = Store(root)
    store.get(KEY, lambda: PLAIN)
    store.several(SEVERAL, lambda missing: ((name, LABELLED) for name in missing))
    return store


def never() -> xr.Dataset:
    raise AssertionError("it was to be read")


def measured() -> xr.Dataset:
    return PLAIN


def reads_all(store: Store) -> None:
    assert float(store.get(KEY, never)["x"].sum()) == 6
    found = store.several(SEVERAL, lambda _: iter([("a", never())]))
    assert [float(own["x"].sum()) for own in found.values()] == [4, 4]
    assert not store.notices


def sentence(store: Store, key: dict[str, Any]) -> str:
    with pytest.raises(SemphaseError) as caught:
        store.get(key, measured)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Another owner

READER = """
import os, sys
from pathlib import Path
import semphase.store.netcdf, xarray, numpy
from semphase.errors import SemphaseError
from semphase.store import Store
def read(store):
    total = store.get({"measurement": "streams", "model": "ab"}, measure)["x"].sum()
    keys = {name: {"measurement": "many", "name": name} for name in "ab"}
    return float(total), sorted(store.several(keys, lambda _: measure())), store.notices
def measure():
    raise AssertionError("measured before it was known that it cannot be kept")
read(Store(Path(sys.argv[1])))  # libraries load modules late, and the reader may not be let into their folder
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
store = Store(Path(sys.argv[1]))
store.require_usable()
print(read(store))
for ask in (
    lambda: store.get({"measurement": "streams", "model": "other"}, measure),
    lambda: store.several({"c": {"measurement": "many", "name": "c"}}, lambda _: measure()),
    Store(Path(sys.argv[1], "new")).require_usable,
):
    try:
        ask()
    except SemphaseError as refusal:
        print(refusal)
"""


@pytest.fixture
def of_another() -> Iterator[Path]:
    """A folder that all may look into and its owner alone may write, files of mode 644; locks lie among them."""
    root = Path(tempfile.mkdtemp())  # pytest's own folders are closed to others
    filled(root / "store")
    for path in [root, *root.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    if os.geteuid() != 0:
        for path in [root, *root.rglob("*")]:
            path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o222)
    yield root / "store"
    for path in [root, *root.rglob("*")]:
        path.chmod(0o755)
    shutil.rmtree(root)


def test_a_second_user_reads_what_the_first_measured(of_another: Path) -> None:
    before = sorted(of_another.rglob("*"))
    command = [sys.executable, "-c", READER, str(of_another)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found, *refusals = done.stdout.splitlines()
    assert found == "(6.0, ['a', 'b'], [])"
    assert len(refusals) == 3
    for told in refusals:
        assert told.startswith(f"the store {of_another}")
        assert "Permission denied" in told
        assert told.endswith("what it does not hold cannot be kept there, so choose another with --store.")
    assert sorted(of_another.rglob("*")) == before


def test_locks_of_another_are_no_obstacle_to_reading(tmp_path, monkeypatch):
    filled(tmp_path)

    def forbidden(_self: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(filelock.FileLock, "acquire", forbidden)
    reads_all(Store(tmp_path))
    told = sentence(Store(tmp_path), KEY | {"model": "other"})
    assert "free some space" not in told
    assert "choose another with --store" in told


def test_whoever_may_write_in_a_folder_may_lock_in_it(tmp_path):
    filled(tmp_path)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*.lock")}
    assert modes == {0o666}


def test_an_entry_that_is_being_written_is_waited_for(tmp_path):
    """Between the numbers and their checksum an entry is neither damaged nor whole: its writer's lock tells."""
    store = filled(tmp_path)
    path = store.path(KEY)
    checksum = path.with_suffix(".sha256").read_text()
    path.with_suffix(".sha256").write_text("of the entry before")

    class Held(filelock.FileLock):
        def acquire(self, *_: Any, **__: Any) -> Any:
            path.with_suffix(".sha256").write_text(checksum)
            return super().acquire()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("semphase.store.store.FileLock", Held)
        assert float(store.get(KEY, never)["x"].sum()) == 6
    assert not store.notices


def test_figures_are_drawn_where_the_store_keeps_none(tmp_path):
    (tmp_path / "file").write_text("")
    drawn = draw([line], {"curve": [1, 2]}, "a.b", "tiny", tmp_path / "report", tmp_path / "file" / "figures")
    assert drawn.images == {"figures/tiny/a.b/line.png": ""}
    assert (tmp_path / "report/figures/tiny/a.b/line.png").read_bytes().startswith(b"\x89PNG")
    assert not drawn.all_kept
    assert not drawn.notices


def line(detail: Any) -> Any:
    from matplotlib.figure import Figure

    figure = Figure()
    figure.add_subplot().plot(detail["curve"])
    return figure


# Disks that cannot lock


@pytest.mark.parametrize("dataset", [PLAIN, LABELLED], ids=["plain", "labelled"])
def test_hdf5_s_own_locks_are_not_needed(tmp_path, dataset):
    """Somebody holds the lock that HDF5 would take."""
    netcdf.write(tmp_path / "entry.nc", dataset)
    with (tmp_path / "entry.nc").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        xr.testing.assert_equal(netcdf.read(tmp_path / "entry.nc"), dataset)


def test_where_hdf5_insists_on_them_the_sentence_says_what_helps(tmp_path, monkeypatch):
    filled(tmp_path)

    def refuse(*_: Any, **__: Any) -> None:
        raise BlockingIOError(errno.EAGAIN, HDF5)

    monkeypatch.setattr(netcdf.h5py, "File", refuse)
    for key in (KEY, KEY | {"model": "other"}):
        told = sentence(Store(tmp_path), key)
        assert "set HDF5_USE_FILE_LOCKING=FALSE" in told
        assert "free some space" not in told


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_disk_without_locks_is_read_and_not_written(tmp_path, monkeypatch, number):
    filled(tmp_path)

    def refuse(_descriptor: int, _operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    reads_all(Store(tmp_path))
    told = sentence(Store(tmp_path), KEY | {"model": "other"})
    assert "files cannot be locked there, so choose one on a disk of this machine with --store" in told
    assert "free some space" not in told


@pytest.mark.parametrize(
    ("number", "way"),
    [
        (errno.ENOSPC, "free some space or choose another"),
        (errno.EDQUOT, "free some space or choose another"),
        (errno.EROFS, "cannot be kept there, so choose another"),
        (errno.EIO, "choose another with --store"),
    ],
)
def test_other_refusals_say_what_helps_against_them(tmp_path, monkeypatch, number, way):
    def refuse(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(netcdf, "write", refuse)
    told = sentence(Store(tmp_path), KEY)
    assert os.strerror(number) in told
    assert way in told
    assert ("space or" in told) == (number in (errno.ENOSPC, errno.EDQUOT))
