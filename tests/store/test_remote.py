"""A store that several machines reach by a URL; two folders here are two machines."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest
import xarray as xr
from fsspec.implementations.memory import MemoryFileSystem

from semphase.errors import SemphaseError
from semphase.mirrors import mirror
from semphase.store import Store
from semphase.store.remote import Remote

KEY = {"measurement": "numbers", "number": 1}


class Scripted(MemoryFileSystem):
    """Files in memory; counts what is asked for, and fails at what is told to."""

    protocol = "scripted"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    calls: ClassVar[list[str]] = []
    failing: ClassVar[set[str]] = set()

    def called(self, what: str, path: str) -> None:
        self.calls.append(f"{what} {path.rpartition('.')[2]}")
        if what in self.failing:
            raise ConnectionResetError("the line went dead")

    def cat_file(self, path: str, *args: Any, **more: Any) -> Any:
        self.called("read", path)
        return super().cat_file(path, *args, **more)

    def get_file(self, rpath: str, *args: Any, **more: Any) -> None:
        self.called("get", rpath)
        super().get_file(rpath, *args, **more)

    def put_file(self, lpath: str, rpath: str, *args: Any, **more: Any) -> None:
        self.called("put", rpath)
        super().put_file(lpath, rpath, *args, **more)


fsspec.register_implementation("scripted", Scripted, clobber=True)


@pytest.fixture
def files() -> Iterator[type[Scripted]]:
    for own in (Scripted.store, Scripted.calls, Scripted.failing):
        own.clear()
    yield Scripted
    Scripted.failing.clear()


@pytest.fixture(params=["local", "scripted"])
def url(request: pytest.FixtureRequest, tmp_path: Path, files: type[Scripted]) -> str:
    return {"local": f"local://{tmp_path}/shared", "scripted": "scripted://bucket/folder"}[request.param]


def machine(tmp_path: Path, name: str, url: str) -> Store:
    return Store(tmp_path / name, remote=Remote(url))


def number(value: int) -> xr.Dataset:
    return xr.Dataset({"x": ((), value)})


def refuse() -> xr.Dataset:
    raise AssertionError("it is there and was to be measured")


def test_what_one_machine_measures_another_reads(tmp_path: Path, url: str) -> None:
    assert int(machine(tmp_path, "a", url).get(KEY, lambda: number(7))["x"]) == 7
    other = machine(tmp_path, "b", url)
    assert int(other.get(KEY, refuse)["x"]) == 7
    assert int(Store(other.root).get(KEY, refuse)["x"]) == 7
    assert other.notices == []


def test_several_labels_are_brought_and_only_the_rest_is_measured(tmp_path: Path, url: str) -> None:
    keys = {k: KEY | {"number": k} for k in range(4)}
    asked: list[list[int]] = []

    def measure(missing: list[int]) -> Iterator[tuple[int, xr.Dataset]]:
        asked.append(missing)
        yield from ((label, number(label)) for label in missing)

    machine(tmp_path, "a", url).several({k: keys[k] for k in (1, 2)}, measure)
    found = machine(tmp_path, "b", url).several(keys, measure)
    assert asked == [[1, 2], [0, 3]]
    assert {label: int(own["x"]) for label, own in found.items()} == {0: 0, 1: 1, 2: 2, 3: 3}


def test_the_layout_there_is_that_of_a_folder_and_no_lock_stays(tmp_path: Path) -> None:
    store = machine(tmp_path, "a", f"local://{tmp_path}/shared")
    store.get(KEY, lambda: number(7))
    there = sorted(path.name for path in (tmp_path / "shared").rglob("*") if path.is_file())
    path = store.path(KEY)
    assert there == sorted([path.name, path.with_suffix(".sha256").name])
    assert int(Store(tmp_path / "shared").get(KEY, refuse)["x"]) == 7


def test_a_place_that_was_emptied_gets_what_was_used(tmp_path: Path, files: type[Scripted]) -> None:
    url = "scripted://bucket"
    store = machine(tmp_path, "a", url)
    for k in range(3):
        store.get(KEY | {"number": k}, lambda k=k: number(k))
    store.take_used()
    files.store.clear()
    for k in (0, 2):
        store.get(KEY | {"number": k}, refuse)
    store.share_used()
    files.calls.clear()
    store.share_used()
    assert files.calls == []
    other = machine(tmp_path, "b", url)
    assert [int(other.get(KEY | {"number": k}, lambda: number(9))["x"]) for k in range(3)] == [0, 9, 2]


def test_what_is_here_is_not_asked_for(tmp_path: Path, files: type[Scripted]) -> None:
    store = machine(tmp_path, "a", "scripted://bucket")
    store.get(KEY, lambda: number(7))
    files.calls.clear()
    store.get(KEY, refuse)
    assert files.calls == []


def test_an_entry_that_was_cut_off_there_is_measured_again(tmp_path: Path, files: type[Scripted]) -> None:
    machine(tmp_path, "a", "scripted://bucket").get(KEY, lambda: number(7))
    (entry,) = [own for name, own in files.store.items() if name.endswith(".nc")]
    entry.truncate(100)
    other = machine(tmp_path, "b", "scripted://bucket")
    assert int(other.get(KEY, lambda: number(8))["x"]) == 8
    assert "failed its checksum" in other.notices[0]
    assert int(machine(tmp_path, "c", "scripted://bucket").get(KEY, refuse)["x"]) == 8


@pytest.mark.parametrize("failing", ["read", "get", "put"])
def test_a_line_that_goes_dead_is_told_in_a_sentence_and_costs_nothing(
    tmp_path: Path, files: type[Scripted], failing: str
) -> None:
    url = "scripted://bucket"
    if failing != "put":
        machine(tmp_path, "a", url).get(KEY, lambda: number(7))
    files.failing.add(failing)
    store = machine(tmp_path, "b", url)
    with pytest.raises(
        SemphaseError, match=r"scripted://bucket cannot be used \(ConnectionResetError: the line went dea"
    ):
        store.get(KEY, lambda: number(7))
    assert not store.path(KEY).exists()
    files.failing.clear()
    assert int(store.get(KEY, lambda: number(7))["x"]) == 7
    assert int(machine(tmp_path, "c", url).get(KEY, refuse)["x"]) == 7


def test_two_machines_measure_an_entry_once(tmp_path: Path, url: str) -> None:
    begun, done = threading.Event(), threading.Event()

    def slow() -> xr.Dataset:
        begun.set()
        assert done.wait(10)
        return number(7)

    found: list[int] = []
    stores = machine(tmp_path, "a", url), machine(tmp_path, "b", url)
    first = threading.Thread(target=lambda: found.append(int(stores[0].get(KEY, slow)["x"])))
    first.start()
    assert begun.wait(10)
    second = threading.Thread(target=lambda: found.append(int(stores[1].get(KEY, lambda: number(8))["x"])))
    second.start()
    second.join(0.3)
    assert second.is_alive()
    done.set()
    first.join(10)
    second.join(10)
    assert found == [7, 7]


UNUSABLE = [
    ("nonsense://bucket", "the store nonsense://bucket is nothing that fsspec can open"),
    ("sftp://host/folder", "the store sftp://host/folder needs a package that is not installed"),
    ("local:///proc/none", "the store local:///proc/none cannot be used"),
    ("scripted://bucket/[a]", r"the store scripted://bucket/\[a\] has one of"),
]


@pytest.mark.parametrize(("url", "sentence"), UNUSABLE)
def test_what_cannot_be_used_is_refused_before_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, sentence: str
) -> None:
    monkeypatch.setitem(sys.modules, "paramiko", None)
    with pytest.raises(SemphaseError, match=sentence) as refused:
        machine(tmp_path, "a", url).require_usable()
    assert "--store" in str(refused.value)


def test_trying_a_place_out_leaves_nothing(tmp_path: Path, url: str, files: type[Scripted]) -> None:
    machine(tmp_path, "a", url).require_usable()
    assert not files.store
    assert not [path for path in (tmp_path / "shared").rglob("*") if path.is_file()]


def test_only_one_creates_a_file(url: str) -> None:
    assert Remote(url).create("lock", b"a")
    assert not Remote(url).create("lock", b"b")
    assert Remote(url).read("lock") == b"a"


def test_each_url_has_a_folder_here() -> None:
    assert mirror("s3://bucket/a/") == mirror("s3://bucket/a") != mirror("s3://bucket/b")
