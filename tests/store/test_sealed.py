"""A sealed store gives back and never measures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from semphase.errors import SemphaseError
from semphase.store import SealedStore, Store

KEY = {"measurement": "norms", "model": {"device": "cuda", "weights": "a"}}
OTHER = {"measurement": "speeds", "device": "cuda:0"}


def made(value: float = 1.0) -> xr.Dataset:
    return xr.Dataset({"norm": ("layer", np.array([value, 2.0]))})


def never() -> xr.Dataset:
    raise AssertionError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for key in (KEY, OTHER):
        Store(tmp_path).get(key, made)
    return tmp_path


def test_what_is_there_comes_back_whatever_computes_now(root: Path) -> None:
    store = SealedStore(root, [], "cuda:0")
    on_cpu = {**KEY, "model": {"device": "cpu", "weights": "a"}}
    for key in (KEY, on_cpu, OTHER, {**OTHER, "device": "cpu"}):
        assert store.get(key, never)["norm"].values.tolist() == [1.0, 2.0]
    assert list(store.several({"x": on_cpu}, lambda _: iter(()))) == ["x"]


def test_what_is_missing_is_named_and_not_measured(root: Path) -> None:
    store = SealedStore(root, [], "cuda:0")
    gone = {**KEY, "model": {"device": "cpu", "weights": "b"}}
    with pytest.raises(SemphaseError, match=r"the measurement norms \(\w+\.nc\) is missing or damaged"):
        store.get(gone, never)
    with pytest.raises(SemphaseError, match="norms"):
        store.several({"x": KEY, "y": gone}, lambda missing: iter([(own, made()) for own in missing]))
    Store(root).path(KEY).write_bytes(b"damaged")
    with pytest.raises(SemphaseError, match="missing or damaged"):
        store.get(KEY, never)


def test_what_was_used_is_told_once(root: Path) -> None:
    store = Store(root)
    store.get(KEY, never)
    store.several({"x": KEY, "y": OTHER}, lambda _: iter(()))
    assert store.take_used() == [store.path(KEY), store.path(OTHER)]
    assert store.take_used() == []
