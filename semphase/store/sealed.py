"""A store in which nothing is measured: what is not there is an error."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import xarray as xr

from semphase.errors import SemphaseError
from semphase.store.store import Key, Store

L = TypeVar("L")


class SealedStore(Store):
    """A store that only gives back; its entries were made on `device`, whatever computes now."""

    __slots__ = ("device",)

    def __init__(self, root: Path, notices: list[str], device: str) -> None:
        Store.__init__(self, root, notices)
        self.device = device

    def later(self, key: Key, measure: Callable[[], xr.Dataset]) -> Callable[[], xr.Dataset]:  # noqa: ARG002
        """What gives the stored measurement for `key`; SemphaseError, naming it, where it is not there or damaged."""
        return Store.later(self, key, lambda: self._refuse(key))

    def several(
        self,
        keys: Mapping[L, Key],
        measure: Callable[[list[L]], Iterator[tuple[L, xr.Dataset]]],  # noqa: ARG002
    ) -> dict[L, xr.Dataset]:
        """The stored measurement of each label; SemphaseError where one is not there or damaged."""

        def refuse(missing: list[L]) -> Iterator[tuple[L, xr.Dataset]]:
            for label in missing:
                self._refuse(keys[label])
            return iter(())

        return Store.several(self, keys, refuse)

    def path(self, key: Key) -> Path:
        """Where the entry for `key` lies: as this device would name it, or the one on which it was made."""
        kinds = (self.device, self.device.partition(":")[0])
        named = [Store.path(self, key), *(Store.path(self, _made_on(key, kind)) for kind in kinds)]
        return next((path for path in named if path.exists()), named[0])

    def _refuse(self, key: Key) -> NoReturn:
        told = f"{key.get('measurement', 'other')} ({self.path(key).name})"
        raise SemphaseError(f"the measurement {told} is missing or damaged, and nothing may be measured here")


def _made_on(told: Any, device: str) -> Any:
    """The key with another device wherever it names one."""
    if not isinstance(told, Mapping):
        return told
    return {name: device if name == "device" else _made_on(own, device) for name, own in told.items()}
