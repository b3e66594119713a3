"""A store measures once, notices damage, and never shows half an entry."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from semphase.errors import SemphaseError
from semphase.store import Store


def dataset(value: float = 1.0) -> xr.Dataset:
    return xr.Dataset({"x": (("layer", "d"), np.full((3, 2), value, np.float32))}, attrs={"unit": "1"})


KEY = {"measurement": "streams", "model": "ab", "n": 3}


def test_measured_once_then_read(tmp_path: Path) -> None:
    calls = []
    for _ in range(3):
        found = Store(tmp_path).get(KEY, lambda: calls.append(1) or dataset())
    assert len(calls) == 1
    xr.testing.assert_equal(found.drop_attrs(), dataset().drop_attrs())
    assert found.attrs["unit"] == "1"
    assert found["x"].dtype == np.float32


def test_every_part_of_the_key_counts(tmp_path: Path) -> None:
    store = Store(tmp_path)
    paths = {store.path(KEY), store.path(KEY | {"model": "ac"}), store.path(KEY | {"n": 4})}
    assert len(paths) == 3
    assert store.path(dict(reversed(list(KEY.items())))) == store.path(KEY)


@pytest.mark.parametrize("damage", ["truncate", "flip", "no checksum", "flipped checksum"])
def test_damage_is_measured_again_with_a_notice(tmp_path: Path, damage: str) -> None:
    store = Store(tmp_path)
    store.get(KEY, dataset)
    path = store.path(KEY)
    content = bytearray(path.read_bytes())
    if damage == "truncate":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "flip":
        content[-1] ^= 255
        path.write_bytes(content)
    elif damage == "flipped checksum":
        path.with_suffix(".sha256").write_bytes(b"\xff" * 64)
    else:
        path.with_suffix(".sha256").unlink()
    assert float(store.get(KEY, lambda: dataset(2.0))["x"].max()) == 2.0
    assert any("failed its checksum" in notice for notice in store.notices)
    assert float(Store(tmp_path).get(KEY, lambda: dataset(3.0))["x"].max()) == 2.0


def test_a_failed_measurement_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> xr.Dataset:
        raise SemphaseError("broken")

    store = Store(tmp_path)
    with pytest.raises(SemphaseError, match="broken"):
        store.get(KEY, broken)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".lock"]


def test_a_store_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(SemphaseError, match="--store"):
        Store(blocked).get(KEY, dataset)


def _measure_slowly(root: str, log: str) -> None:
    def measure() -> xr.Dataset:
        with Path(log).open("a") as file:
            file.write("measured\n")
        return dataset()

    Store(Path(root)).get(KEY, measure)


def test_two_processes_measure_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    log = tmp_path / "log"
    arguments = (str(tmp_path / "store"), str(log))
    workers = [context.Process(target=_measure_slowly, args=arguments) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert log.read_text() == "measured\n"


def test_several_measures_what_is_missing_and_keeps_what_came_before_a_stop(tmp_path):
    store, measured = Store(tmp_path), []
    keys = {name: {"measurement": "many", "name": name} for name in "abcd"}

    def measure(missing, stop_after=None):
        for name in missing:
            if len(measured) == stop_after:
                raise KeyboardInterrupt
            measured.append(name)
            yield name, xr.Dataset({"value": ord(name)})

    store.get(keys["b"], lambda: xr.Dataset({"value": ord("b")}))
    with pytest.raises(KeyboardInterrupt):
        store.several(keys, lambda missing: measure(missing, 2))
    assert measured == ["a", "c"]
    found = store.several(keys, measure)
    assert measured == ["a", "c", "d"]
    assert {name: int(dataset["value"]) for name, dataset in found.items()} == {name: ord(name) for name in "abcd"}
    assert list(found) == list(keys)
    assert all(int(store.get(keys[name], dict)["value"]) == ord(name) for name in keys)


def test_a_kill_between_checksum_and_entry_is_no_damage(tmp_path, monkeypatch):
    store = Store(tmp_path)

    def killed(self: Path, target: Path) -> Path:
        if target.suffix == ".nc":
            raise KeyboardInterrupt
        return replace(self, target)

    replace = Path.replace
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            store.get(KEY, dataset)
    assert float(store.get(KEY, lambda: dataset(2.0))["x"].max()) == 2.0
    assert store.notices == []


def test_a_refusal_of_the_disk_is_one_line(tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "Can't synchronously write data (file write failed: time = now\n, filename = 'x')")

    monkeypatch.setattr("semphase.store.netcdf.write", full)
    with pytest.raises(SemphaseError, match=r"cannot be used \(No space left on device\); free some space"):
        Store(tmp_path).get(KEY, dataset)
