"""Do workers measure as this process would? What they must share, told in one sentence where they do not."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass

from semphase.cluster.stores import Place, sees
from semphase.code import own_sources
from semphase.errors import SemphaseError
from semphase.measure.measurement import installed
from semphase.models.device import resolve
from semphase.store import Store

PACKAGES = ("semphase", "torch", "transformers", "numpy", "cloudpickle")


@dataclass(frozen=True)
class Machine:
    """What a process says of itself: versions, the kind of device it measures on or why on none, whether it sees a file."""

    versions: Mapping[str, str]
    device: str
    refusal: str
    sees: bool


def machine(device: str, store: Place, mark: str) -> Machine:
    """What this process says of itself; `mark` is the name of a file that lies in the store."""
    try:
        return Machine(own_versions(), resolve(device).type, "", sees=sees(store, mark))
    except SemphaseError as problem:
        return Machine(own_versions(), "none", str(problem), sees=False)


def own_versions() -> dict[str, str]:
    """What numbers and pickles depend on, of this process."""
    python = ".".join(platform.python_version_tuple()[:2])
    return {"Python": python, **{name: installed(name) for name in PACKAGES}, "semphase's code": own_sources()[:12]}


def require_versions(worker: str, wanted: Mapping[str, str], found: Mapping[str, str]) -> None:
    """Raise SemphaseError, naming the worker, where it has another version of anything."""
    for what, version in wanted.items():
        if found.get(what) != version:
            raise SemphaseError(
                f"the worker {worker} has {what} {found.get(what)} and pytest runs with {version}; install the same on all "
                "machines."
            )


def require_equal(own: Machine, workers: Mapping[str, Machine], store: Store) -> None:
    """Raise SemphaseError for the first worker that would measure otherwise, or not see the store."""
    for name, other in workers.items():
        require_versions(name, own.versions, other.versions)
        if other.refusal:
            raise SemphaseError(f"the worker {name} cannot measure: {other.refusal.rstrip('.')}.")
        if other.device != own.device:
            raise SemphaseError(
                f"the worker {name} measures on {other.device} and this process on {own.device}; start pytest where there "
                "is the same kind of device, or give --device cpu."
            )
        if not other.sees:
            raise SemphaseError(
                f"the worker {name} does not see the store {store.told}; give --store a folder that all machines "
                "share, or a URL."
            )
