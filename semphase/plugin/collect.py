"""What happens to claims at collection: models, markers, selection, order."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from semphase.plugin.options import settings_of

if TYPE_CHECKING:
    from semphase.verdict import Claim

SIZES = ("tiny", "small", "medium", "large", "xl")
DEVICES = ("cpu", "cuda", "mps")
NO_MODEL = "no-model"


def register_markers(config: pytest.Config) -> None:
    """Declare the markers that claims and runs set."""
    config.addinivalue_line("markers", "claim(claim): the claim that a test judges; set by semphase.claim")
    for size in SIZES:
        config.addinivalue_line("markers", f"{size}: a claim judged on a model of this size class")
    for device in DEVICES:
        config.addinivalue_line("markers", f"{device}: a claim judged on this kind of device")
    config.addinivalue_line("markers", "slow: takes more than a minute on the tiny model")


def claim_of(item: pytest.Item) -> Claim | None:
    """The claim that the test declares, if it declares one."""
    marker = item.get_closest_marker("claim")
    return marker.args[0] if marker is not None and marker.args else None


def concerns(item: pytest.Item) -> bool:
    """True for a test that judges a claim or opens a study."""
    return claim_of(item) is not None or "study" in getattr(item, "fixturenames", ())


def label_of(item: pytest.Item) -> str:
    """The models of the item joined with "+", as known before they are loaded; empty without a model."""
    callspec = getattr(item, "callspec", None)
    return "+".join(map(short_name, callspec.params.get("study", ()))) if callspec else ""


def short_name(name: str) -> str:
    """A model's name in ids: a Hugging Face id as it is, a path without its folders and suffix."""
    path = Path(name).expanduser()
    if path.suffix == ".gguf":
        return path.stem
    return path.resolve().name if path.is_dir() and name not in _catalogue() else name


def opens_study(metafunc: pytest.Metafunc) -> bool:
    """Does the test ask for the plugin's own `study`, not for a fixture of that name of its own?"""
    found = metafunc._arg2fixturedefs.get("study", ())
    return bool(found) and found[-1].func.__module__.startswith("semphase.plugin")


def parametrise(metafunc: pytest.Metafunc) -> None:
    """Give a test its studies: one for each model, one of all models, or one without a model."""
    marker = metafunc.definition.get_closest_marker("claim")
    claim: Claim | None = marker.args[0] if marker else None
    models = settings_of(metafunc.config).models
    studies: Sequence[tuple[str, ...]] = [(model,) for model in models]
    if claim is not None and not claim.needs.model:
        studies = [()]
    elif claim is not None and claim.needs.models > 1:
        studies = [models]
    slow = [pytest.mark.slow] if claim is not None and claim.cost != "seconds" else []
    device = metafunc.config.getoption("device")
    grouped = metafunc.config.pluginmanager.hasplugin("xdist")
    marks = [[*slow, *_marks(names, device, grouped)] for names in studies]
    values = [pytest.param(names, id=_id(names), marks=on) for names, on in zip(studies, marks, strict=True)]
    metafunc.parametrize("study", values, indirect=True)


def select(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the claims that `--claims` names and refuse claims declared twice.

    Raises pytest.UsageError for a glob without a match and for a repeated id.
    """
    _refuse_repeats(items)
    globs = config.getoption("claims")
    if not globs:
        return
    ids = {item: claim.id for item in items if (claim := claim_of(item)) is not None}
    for glob in globs:
        if not any(fnmatchcase(name, glob) for name in ids.values()):
            raise pytest.UsageError(f"no collected claim has an id like {glob!r}")
    kept = [item for item in items if any(fnmatchcase(ids.get(item, ""), glob) for glob in globs)]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def order(items: list[pytest.Item]) -> None:
    """Bring the tests of one study together, so that each model is loaded once.

    Studies come in the order of their first test, those of several models last; other tests stay in front.
    """
    labels = {item: label_of(item) for item in items if "study" in getattr(item, "fixturenames", ())}
    places = {label: place for place, label in enumerate(dict.fromkeys(labels.values()), 1)}
    items.sort(key=lambda item: _place(labels.get(item), places))


def _place(label: str | None, places: dict[str, int]) -> tuple[int, int]:
    return (0, 0) if label is None else (label.count("+"), places[label])


def _refuse_repeats(items: Sequence[pytest.Item]) -> None:
    seen: dict[tuple[str, str], str] = {}
    for item in items:
        claim = claim_of(item)
        if claim is None:
            continue
        key = (claim.id, label_of(item))
        if key in seen:
            raise pytest.UsageError(f"the claim {claim.id} is judged twice: {seen[key]} and {item.nodeid}")
        seen[key] = item.nodeid


def _id(names: Sequence[str]) -> str:
    return "+".join(map(short_name, names)) or NO_MODEL


def _marks(names: Sequence[str], device: str, grouped: bool) -> list[pytest.MarkDecorator]:
    sizes = [size for name in names if (size := _size_class(name)) in SIZES]
    marks = [getattr(pytest.mark, max(sizes, key=SIZES.index))] if sizes else []
    marks.append(getattr(pytest.mark, _device_kind(device) if names else "cpu"))
    return [*marks, pytest.mark.xdist_group(_id(names))] if grouped else marks


@cache
def _size_class(name: str) -> str | None:
    from semphase import models

    known: str | None = models.size_class(name) if hasattr(models, "size_class") else None
    return known


@cache
def _device_kind(device: str) -> str:
    """The kind of a device, without complaint about one that is absent: the study complains."""
    if device != "auto":
        return device.partition(":")[0]
    from semphase.models.device import resolve

    return resolve(device).type


def _catalogue() -> Sequence[str]:
    from semphase import models

    return tuple(getattr(models, "CATALOGUE", ()))
