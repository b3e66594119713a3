"""What is missing is measured elsewhere, where there is such a place and it takes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from semphase.errors import SemphaseError
from semphase.store import Store
from semphase.store.elsewhere import all_of, cut


@dataclass
class Later:
    """Calls a unit when somebody waits for it, with a store that measures itself; takes no unit of a refused name."""

    units: int = 2
    refused: str = ""
    names: list[str] = field(default_factory=list)

    def sent(self, unit: Callable[[], Any], name: str) -> Callable[[], None] | None:
        if self.refused and name.startswith(self.refused):
            return None
        self.names.append(name)
        store, elsewhere = unit.func.__self__, self  # type: ignore[attr-defined]

        def wait() -> None:
            store.elsewhere = None
            try:
                unit()
            finally:
                store.elsewhere = elsewhere

        return wait


def key(number: int, **more: Any) -> dict[str, Any]:
    return {"measurement": "numbers", "number": number, **more}


def number(value: int) -> xr.Dataset:
    return xr.Dataset({"x": ((), value)})


def test_what_is_asked_for_later_is_sent_at_once_and_awaited_when_it_is_read(tmp_path: Path) -> None:
    place = Later()
    store = Store(tmp_path, elsewhere=place)
    waits = [store.later(key(k), lambda k=k: number(k)) for k in range(3)]
    assert len(set(place.names)) == 3
    assert not list(tmp_path.rglob("*.nc"))
    assert [int(wait()["x"]) for wait in waits] == [0, 1, 2]
    assert [int(Store(tmp_path).get(key(k), lambda: number(9))["x"]) for k in range(3)] == [0, 1, 2]


def test_what_is_there_is_not_sent(tmp_path: Path) -> None:
    place = Later()
    Store(tmp_path).get(key(1), lambda: number(1))
    assert int(Store(tmp_path, elsewhere=place).get(key(1), lambda: number(2))["x"]) == 1
    assert place.names == []


@pytest.mark.parametrize("own", [key(1, hardware="this"), {"measurement": "held", "number": 1}])
def test_times_of_this_machine_and_what_cannot_be_sent_are_measured_here(tmp_path: Path, own: dict[str, Any]) -> None:
    place = Later(refused="held")
    assert int(Store(tmp_path, elsewhere=place).get(own, lambda: number(3))["x"]) == 3
    assert place.names == []


def several(missing: list[int]):
    for label in missing:
        if label == 2:
            raise SemphaseError("two is broken")
        yield label, number(label)


def test_labels_go_in_slices_and_the_rest_completes(tmp_path: Path) -> None:
    place = Later(units=3)
    store = Store(tmp_path, elsewhere=place)
    with pytest.raises(SemphaseError, match="two is broken"):
        store.several({k: key(k) for k in range(6)}, several)
    assert len(place.names) == 3
    there = {k for k in range(6) if store.path(key(k)).exists()}
    assert there == {0, 1, 4, 5}
    found = store.several({k: key(k) for k in (5, 0, 4)}, several)
    assert {label: int(own["x"]) for label, own in found.items()} == {5: 5, 0: 0, 4: 4}
    assert len(place.names) == 3


def test_labels_that_cannot_be_sent_are_measured_here(tmp_path: Path) -> None:
    store = Store(tmp_path, elsewhere=Later(refused="numbers"))
    assert list(store.several({k: key(k) for k in (0, 1)}, several)) == [0, 1]


@settings(max_examples=50)
@given(st.lists(st.integers(), max_size=40), st.integers(0, 12))
def test_slices_are_the_labels_in_order_and_nearly_equal(labels: list[int], units: int) -> None:
    found = cut(labels, units)
    assert [label for own in found for label in own] == labels
    assert len(found) == min(len(labels), max(1, units))
    assert not found or max(map(len, found)) - min(map(len, found)) <= 1


def test_all_are_awaited_before_the_first_error() -> None:
    seen = []

    def failing() -> None:
        raise SemphaseError("first")

    with pytest.raises(SemphaseError, match="first"):
        all_of({"broken": failing, "whole": lambda: seen.append(1)})
    assert seen == [1]


def test_an_entry_that_never_arrives_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("semphase.store.store.PATIENCE", 0.0)

    class Lying(Later):
        def sent(self, unit: Callable[[], Any], name: str) -> Callable[[], None]:
            return lambda: None

    with pytest.raises(SemphaseError, match="is not seen in"):
        Store(tmp_path, elsewhere=Lying()).get(key(1), lambda: number(1))
