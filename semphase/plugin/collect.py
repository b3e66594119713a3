"""What happens to claims at collection: models, markers, selection, order."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from semphase.files import is_folder, place
from semphase.plugin.options import given_models, value
from semphase.plugin.roles import missing, name_of, players, role_in
from semphase.plugin.session import session_of

if TYPE_CHECKING:
    from semphase.verdict import Claim

SIZES = ("tiny", "small", "medium", "large", "xl")
DEVICES = ("cpu", "cuda", "mps")
NO_MODEL = "no-model"
OURS = ("study", "judge")
"""The fixtures that a universe gives a test anew."""


class Given(tuple[str, ...]):
    """The models of one study as the command line gives them: the parameter that tells our studies from others'."""

    __slots__ = ()


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
    return next(_claims_in(item.iter_markers("claim")), None)


def _claims_in(marks: Iterable[pytest.Mark]) -> Iterator[Claim]:
    """What `semphase.claim` left; another project may have a marker of that name."""
    known = sys.modules.get("semphase.verdict.claim")  # imported where something is declared
    for given in (mark.args[0] for mark in marks if mark.args):
        if known is not None and isinstance(given, known.Claim):
            yield given


def claims_beside(item: pytest.Item) -> Iterator[Claim]:
    """The claims that the item's file declares, its own among them."""
    own = claim_of(item)
    if own is not None:
        yield own
    yield from _declared_in(getattr(item, "module", None))


@cache
def _declared_in(module: ModuleType | None) -> tuple[Claim, ...]:
    """Looked up once for all tests of a file."""
    things = [thing for thing in vars(module).values() if callable(thing)] if module is not None else []
    marks = [mark for thing in things for mark in _marks_on(thing)]
    return tuple(_claims_in(mark for mark in marks if getattr(mark, "name", "") == "claim"))


def _marks_on(thing: object) -> Sequence[Any]:
    """A class may say one mark by itself, and a stand-in whatever it is asked for."""
    marks = getattr(thing, "pytestmark", ())
    return marks if isinstance(marks, list | tuple) else [marks]


def concerns(item: pytest.Item) -> bool:
    """True for a test that judges a claim or opens a study."""
    return claim_of(item) is not None or _given(item) is not None


def models_of(item: pytest.Item) -> tuple[str, ...]:
    """The names of the item's models, without their roles; none where a role that its claim needs is empty."""
    roles = session_of(item.config).roles
    return () if unfilled(item) else tuple(name_of(given, roles) for given in _given(item) or ())


def unfilled(item: pytest.Item) -> str:
    """Which of the claim's roles no model plays, as a sentence; empty where every role is filled."""
    claim = claim_of(item)
    return missing(_given(item) or (), claim.models) if claim is not None and claim.models else ""


def label_of(item: pytest.Item) -> str:
    """The models of the item joined with "+", as known before they are loaded; empty without a model."""
    return "+".join(map(short_name, models_of(item)))


def short_name(name: str) -> str:
    """A model's name in ids: a Hugging Face id as it is, a path without its folders and suffix."""
    path = place(name)
    if path.suffix == ".gguf":
        return path.stem
    return path.resolve().name if is_folder(path) and name not in _catalogue() else name


def opens_study(metafunc: pytest.Metafunc) -> bool:
    """Does the test ask for the plugin's own `study`, not for a fixture of that name of its own?"""
    found = metafunc._arg2fixturedefs.get("study", ())
    return bool(found) and found[-1].func.__module__.startswith("semphase.plugin")


def parametrise(metafunc: pytest.Metafunc) -> None:
    """Give a test its studies: one for each model, one of all models or of all roles, or one without a model."""
    claim = claim_of(metafunc.definition)
    studies = studies_of(claim, given_models(metafunc.config))
    slow = [pytest.mark.slow] if claim is not None and claim.cost != "seconds" else []
    marks = [[*slow, *_marks(given, metafunc.config)] for given in studies]
    values = [pytest.param(given, id=_id(given), marks=on) for given, on in zip(studies, marks, strict=True)]
    metafunc.parametrize("study", values, indirect=True)


def studies_of(claim: Claim | None, models: tuple[str, ...]) -> Sequence[Given]:
    """One study for each model, one of all models or of all roles, or one without a model: as the claim compares them."""
    if claim is not None and not claim.needs.model:
        return [Given()]
    if claim is not None and claim.models:
        return [Given(players(models, claim.models))]
    if claim is not None and claim.needs.models > 1:
        return [Given(models)]
    return [Given((model,)) for model in models]


def declared_roles(metafunc: pytest.Metafunc) -> tuple[str, ...]:
    """The roles that the test's claim gives to models."""
    claim = claim_of(metafunc.definition)
    return claim.models if claim is not None else ()


def select(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the claims that `--claims` names and refuse claims declared twice.

    Raises pytest.UsageError for a glob without a match and for a repeated id.
    """
    _refuse_repeats(items)
    globs = value(config, "claims")
    ids = {item: claim.id for item in items if (claim := claim_of(item)) is not None}
    if not globs or not ids:
        return
    for glob in globs:
        if not any(fnmatchcase(name, glob) for name in ids.values()):
            raise pytest.UsageError(f"no collected claim has an id like {glob!r}")
    kept = [item for item in items if any(fnmatchcase(ids.get(item, ""), glob) for glob in globs)]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def refuse_unvaried(items: Iterable[pytest.Item]) -> None:
    """Raise pytest.UsageError for a claim with universes whose test takes what a fixture made of the study once."""
    for item in items:
        claim = claim_of(item)
        if claim is None or not claim.universes or not isinstance(item, pytest.Function):
            continue
        for name in sorted(set(item._fixtureinfo.argnames) - set(OURS)):
            for own in _made_of(name, item).intersection(OURS):
                raise pytest.UsageError(
                    f"{claim.id} has universes, and its test takes the fixture {name!r}, which is made of `{own}` before "
                    'any universe is: read it in the test, or say universes="none: REASON"'
                )


def _made_of(name: str, item: pytest.Function) -> set[str]:
    """A fixture's name, and those of all that it asks for."""
    found, left = set[str](), [name]
    while left:
        own = left.pop()
        if own not in found:
            found.add(own)
            left += [arg for made in item._fixtureinfo.name2fixturedefs.get(own, ()) for arg in made.argnames]
    return found


def order(items: list[pytest.Item]) -> None:
    """Bring the tests of one study together, so that each model is loaded once.

    Studies come in the order of their first test, those of several models last; other tests stay in front.
    """
    labels = {item: label_of(item) for item in items if _given(item) is not None}
    places = {label: place for place, label in enumerate(dict.fromkeys(labels.values()), 1)}
    items.sort(key=lambda item: _place(labels.get(item), places))


def reads(items: Iterable[pytest.Item]) -> dict[str, tuple[object, ...]]:
    """For each model that the items need, all that their claims say they read besides weights."""
    found: dict[str, list[object]] = {}
    for item in items:
        claim = claim_of(item)
        data = claim.data if claim is not None else ()
        for name in models_of(item):
            found.setdefault(name, []).extend(thing for thing in data if thing not in found[name])
    return {name: tuple(data) for name, data in found.items()}


def _given(item: pytest.Item) -> Given | None:
    callspec = getattr(item, "callspec", None)
    found = callspec.params.get("study") if callspec else None
    return found if isinstance(found, Given) else None


def _place(label: str | None, places: dict[str, int]) -> tuple[int, int]:
    return (0, 0) if label is None else (label.count("+"), places[label])


def _refuse_repeats(items: Sequence[pytest.Item]) -> None:
    seen: dict[tuple[str, str], pytest.Item] = {}
    for item in items:
        claim = claim_of(item)
        if claim is None:
            continue
        key = (claim.id, label_of(item))
        if key in seen:
            raise pytest.UsageError(_twice(claim.id, seen[key], item))
        seen[key] = item


def _twice(claim: str, first: pytest.Item, second: pytest.Item) -> str:
    for one, other in zip(models_of(first), models_of(second), strict=False):
        if one != other and short_name(one) == short_name(other):
            return (
                f"the models {one} and {other} are both called {short_name(one)}, and verdicts go by that name: give one "
                "of the folders another name, or judge them in two runs"
            )
    return f"the claim {claim} is judged twice: {first.nodeid} and {second.nodeid}"


def _id(given: Sequence[str]) -> str:
    return "+".join(map(_shown, given)) or NO_MODEL


def _shown(given: str) -> str:
    role, name = role_in(given)
    return f"{role}={short_name(name)}" if role else short_name(name)


def _marks(given: Sequence[str], config: pytest.Config) -> Iterator[pytest.MarkDecorator]:
    names = [role_in(model)[1] for model in given]
    sizes = [size for name in names if (size := _size_class(name)) in SIZES]
    if sizes:
        yield getattr(pytest.mark, max(sizes, key=SIZES.index))
    device = value(config, "device")
    # Only torch can tell what "auto" is, and a mere list of tests must not wait for it.
    if not names or device != "auto" or _asks_for_a_device(config):
        yield getattr(pytest.mark, _device_kind(device) if names else "cpu")


def _asks_for_a_device(config: pytest.Config) -> bool:
    """Do -m or -k depend on the device's marker? -k finds parts of names."""
    words = re.findall(r"\w+", config.option.keyword.lower())
    marks = re.findall(r"\w+", config.option.markexpr)
    return any(word in device for word in words for device in DEVICES) or bool({*DEVICES} & {*marks})


@cache
def _size_class(name: str) -> str | None:
    from semphase.models.size import size_class

    return size_class(name)


@cache
def _device_kind(device: str) -> str:
    """The kind of a device, without complaint about one that is absent: the study complains."""
    if device != "auto":
        return device.partition(":")[0]
    from semphase.models.device import resolve

    return resolve(device).type


def _catalogue() -> Sequence[str]:
    from semphase.models.catalogue import CATALOGUE

    return tuple(CATALOGUE)
