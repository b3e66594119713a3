"""What a verdict depends on: the key under which it is kept."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from semphase.code import hash_of, own_sources, reached, require_plain, value_identity
from semphase.data.prompts import Prompts
from semphase.models.packaged import TABLES, fixture
from semphase.plugin.circumstances import packages
from semphase.plugin.collect import claim_of
from semphase.plugin.options import explores
from semphase.plugin.reading import libraries

FORMAT = 1
_OURS = frozenset({"study", "judge", "request"})
_PASSING = re.compile(
    r"PYTEST_|NOX_|XDG_|SSH_|TERM|TMUX|COLUMNS$|LINES$|OLDPWD$|PWD$|SHLVL$|_$|OMP_NUM_THREADS$|HDF5_USE_FILE_LOCKING$"
)
"""How names of variables begin that say where and how a command was typed, and nothing that a claim asks for."""


@dataclass(frozen=True, slots=True)
class Key:
    """A hash of all that a verdict depends on, and the names of the parts of the project that its test reaches."""

    name: str
    reached: frozenset[str]

    def rests_on(self, functions: frozenset[str]) -> bool:
        """Does the test reach one of these functions, or the class that it belongs to?"""
        return any(function == own or function.startswith(f"{own}.") for function in functions for own in self.reached)


def key_of(item: pytest.Item) -> Key | None:
    """The key of the item's verdict; None where some of what it depends on has no name.

    There is none for tests with fixtures or parameters besides ours, methods, closures, and studies that are not ours.
    """
    try:
        if not isinstance(item, pytest.Function) or not _has_our_fixtures_alone(item):
            return None
        require_plain(item.obj, "a key")
        parts = reached(item.obj)
        told = {
            "format": FORMAT,
            "claim": value_identity(claim_of(item)),
            "universes": explores(item.config),
            "test": hash_of(parts),
            "prompts": _names_of_prompts(item.function.__globals__),
            "study": _study(item.funcargs.get("study")),
            "beside": _conftests(item),
            "environment": {name: own for name, own in os.environ.items() if not _PASSING.match(name)},
            "code": {"semphase": own_sources(), "packages": packages(), "tables": _packaged()},
        }
        name = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    except Exception:
        # What a test reaches can be anything; where no name is found for it, it is judged.
        return None
    return Key(name, frozenset(parts))


def files_behind(item: pytest.Item) -> dict[str, str]:
    """Hashes of the item's own file and of all files of the project that are imported, but for those of other tests."""
    others = {own.path for own in item.session.items} - {item.path}
    return {str(place): content(place) for place in sorted(files_behind_all([item.path]) - others)}


def files_behind_all(tests: Iterable[Path]) -> set[Path]:
    """The files of tests, and all of the project that are imported."""
    return {Path(file) for file in _imported() if not file.startswith(libraries())} | set(tests)


def unchanged(files: Mapping[str, str]) -> bool:
    """Do files of a project still hold what they held?"""
    return all(content(Path(place)) == own for place, own in files.items())


def content(place: Path) -> str:
    """A hash of a file, made again when it was written since; empty where there is none."""
    try:
        known = place.stat()
        return _content(place, known.st_mtime_ns, known.st_size)
    except OSError:
        return ""


@lru_cache(maxsize=1024)
def _content(place: Path, _changed: int, _size: int) -> str:
    return hashlib.sha256(place.read_bytes()).hexdigest()


def _imported() -> list[str]:
    # Asked of its dictionary, for a library's module may make up any attribute.
    found = [vars(module).get("__file__") for module in list(sys.modules.values()) if isinstance(module, ModuleType)]
    return [file for file in found if isinstance(file, str)]


def _has_our_fixtures_alone(item: pytest.Function) -> bool:
    names, params = set(item.fixturenames), set(getattr(getattr(item, "callspec", None), "params", ()))
    fixtures = [item._fixtureinfo.name2fixturedefs[name][-1] for name in names & {"study", "judge"}]
    own = all(fixture.func.__module__ == "semphase.plugin.fixtures" for fixture in fixtures)
    # Every test has `request`; one that names it may ask for anything.
    return own and names <= _OURS and params <= {"study"} and "request" not in item._fixtureinfo.argnames


def _study(study: Any) -> Any:
    if study is None:
        return None
    if not type(study).__module__.startswith("semphase.study."):
        raise TypeError(type(study).__name__)
    # Torch stands on it, and where there is a study torch is there.
    from semphase.study.identity import identity_of

    return identity_of(study)


def _names_of_prompts(names: Mapping[str, Any]) -> dict[str, str]:
    """Hashes of prompts leave their names out, and a report may show them."""
    return {name: own.name for name, own in names.items() if isinstance(own, Prompts)}


def _conftests(item: pytest.Item) -> list[str]:
    """Hashes of the conftest files that apply to the item: they can change what anything means."""
    plugins = item.config.pluginmanager.get_plugins()
    files = [Path(path) for plugin in plugins if (path := getattr(plugin, "__file__", None))]
    own = sorted(path for path in files if path.name == "conftest.py" and path.parent in item.path.parents)
    return [content(path) for path in own]


@lru_cache(maxsize=1)
def _packaged() -> str:
    """Of the packaged tables and lexicons, which any claim may read."""
    digest = hashlib.sha256()
    for path in sorted(path for name in TABLES for path in fixture(name).iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
