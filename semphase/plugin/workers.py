"""Claims in several processes (`-n`): which go together, how many processes pay, and how many threads each may use."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from semphase.errors import SemphaseError
from semphase.plugin import durations, options
from semphase.plugin.circumstances import circumstances
from semphase.plugin.collect import claim_of, label_of, short_name
from semphase.plugin.roles import role_in

WORTH = 30.0
"""Seconds of claims below which no second process pays: each imports torch and loads the model anew."""
THREADS = "OMP_NUM_THREADS"

REMARK = pytest.StashKey[str]()
"""What the user should know of the processes of a run."""
TOGETHER = pytest.StashKey[bool]()
"""Do claims that share measurements go to one worker?"""


@contextmanager
def arranged(config: pytest.Config) -> Iterator[None]:
    """Prepare `-n` for a run of claims, before xdist looks at it.

    Claims that share measurements go to one worker, unless `--dist` says otherwise, and the workers share out the cores.
    Where all claims are known to take less than `WORTH` seconds once more, they run in this process.
    """
    asked = getattr(config.option, "numprocesses", None)
    if not asked or hasattr(config, "workerinput") or not _only_claims(config):
        yield
        return
    again = _again(config)
    if again is not None and again < WORTH:
        config.option.numprocesses = 0
        told = f"these claims take about {again:.0f} s from the store: they run in one process, not in {asked}"
        config.stash[REMARK] = told
        yield
        return
    config.stash[TOGETHER] = config.option.dist == "no"
    with _threads(max(1, _cores() // asked) if isinstance(asked, int) else 1):
        yield


@contextmanager
def _threads(each: int) -> Iterator[None]:
    """Let workers compute on so many threads, unless the user chose; they read it when they start."""
    if THREADS in os.environ:
        yield
        return
    os.environ[THREADS] = str(each)
    try:
        yield
    finally:
        os.environ.pop(THREADS, None)


def scheduler(config: pytest.Config, log: Any, group_of: Callable[[str], str | None]) -> Any:
    """What hands out whole groups, the largest first; by xdist's own rule where `group_of` knows none for a node id."""
    from xdist.scheduler import LoadGroupScheduling

    class Grouped(LoadGroupScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid) or super()._split_scope(nodeid)

    return Grouped(config, log)


def groups(items: Iterable[pytest.Item]) -> dict[str, str]:
    """The group of each claim by its node id: its models, and the phenomena whose measurements its file shares."""
    claims = [item for item in items if claim_of(item) is not None]
    of_file = groups_of({item.path: getattr(item, "module", None) for item in claims})
    return {item.nodeid: f"{of_file[item.path]} {label_of(item)}".strip() for item in claims}


def groups_of(modules: Mapping[Path, ModuleType | None]) -> dict[Path, str]:
    """The group of each test file: files that share a phenomenon, directly or through others, are in one."""
    named = {path: phenomena(module) or {path.stem} for path, module in modules.items()}
    joined: list[set[str]] = []
    for own in named.values():
        meeting = [group for group in joined if group & own]
        joined = [group for group in joined if not group & own] + [set(own).union(*meeting)]
    home = {phenomenon: "+".join(_short(each) for each in sorted(group)) for group in joined for phenomenon in group}
    return {path: home[min(own)] for path, own in named.items()}


def phenomena(module: ModuleType | None) -> set[str]:
    """The packages with a module `facet` from which a test file has anything."""
    found = {_package(thing) for thing in vars(module).values()} if module is not None else set()
    return {package for package in found if package and _has_facet(package)}


def _package(thing: Any) -> str:
    home = thing.__name__ if isinstance(thing, ModuleType) else getattr(thing, "__module__", None)
    return home.rpartition(".")[0] if isinstance(home, str) else ""


def _has_facet(package: str) -> bool:
    try:
        return find_spec(f"{package}.facet") is not None
    except (ImportError, ValueError, AttributeError):
        return False


def _short(phenomenon: str) -> str:
    return phenomenon.rpartition(".")[2]


def _only_claims(config: pytest.Config) -> bool:
    """Is every folder and file of the run one of registered claims?"""
    from semphase.verdict import registry

    places = list(_places(config))
    return bool(places) and all((_folder(place) / registry.NAME).is_file() for place in places)


def _folder(place: Path) -> Path:
    return place.parent if place.is_file() else place


def _places(config: pytest.Config) -> Iterator[Path]:
    return (config.invocation_params.dir / argument.partition("::")[0] for argument in config.args)


def _again(config: pytest.Config) -> float | None:
    """Seconds that the chosen claims take once more; None where one was never judged with this store and budget."""
    globs = options.value(config, "claims") or ["*"]
    try:
        chosen = {claim for claim in _declared(config) if any(fnmatchcase(claim, glob) for glob in globs)}
    except SemphaseError:
        # A registry that was cut or edited is told where claims are collected.
        return None
    known = durations.read(options.store_folder(config), options.value(config, "budget"))
    labels = _labels(config)
    found = {
        (claim, label): known[name]
        for claim in chosen
        for label in labels
        if (name := durations.name_of(claim, label)) in known
    }
    if not chosen or {claim for claim, _ in found} != chosen:
        return None
    now = circumstances(config)
    return sum(0.0 if own.is_kept(now) else own.again for own in found.values())


def _declared(config: pytest.Config) -> set[str]:
    """The registered claims that the run's files name."""
    from semphase.verdict import registry

    found = set()
    for place in _places(config):
        texts = [path.read_text(encoding="utf-8", errors="replace") for path in _tests(place)]
        registered = registry.read(_folder(place) / registry.NAME).ids()
        found |= {claim for claim in registered if any(f'"{claim}"' in text for text in texts)}
    return found


def _labels(config: pytest.Config) -> set[str]:
    names = [short_name(role_in(given)[1]) for given in options.given_models(config)]
    return {"", "+".join(names), *names}


def _tests(place: Path) -> Iterable[Path]:
    return [place] if place.is_file() else place.rglob("test_*.py")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
