"""The claims that test files declare, found by importing the files, without pytest's collection."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import sys
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.abc import Loader
from pathlib import Path
from types import ModuleType

import pytest

from semphase.errors import SemphaseError
from semphase.verdict.claim import Claim
from semphase.verdict.frozen import Frozen, frozen

PATTERNS = ("test_*.py", "*_test.py")


@dataclass(frozen=True, slots=True)
class Declared:
    """A claim with what registration freezes of it, and the file that declares it."""

    own: Frozen
    file: Path

    @property
    def claim(self) -> Claim:
        """The claim itself."""
        return self.own.claim


@dataclass(frozen=True, slots=True)
class Found:
    """What the files declare, in order of folder, file and line; `skipped` says why a file gave nothing."""

    declared: tuple[Declared, ...]
    skipped: tuple[str, ...]

    @property
    def claims(self) -> list[Claim]:
        """The claims alone."""
        return [one.claim for one in self.declared]

    @property
    def frozen(self) -> list[Frozen]:
        """The claims with what registration freezes of them."""
        return [one.own for one in self.declared]


def find(paths: Sequence[Path]) -> Found:
    """The claims of files, and of all test files in and under folders; SemphaseError for a file that breaks."""
    declared, skipped = list[Declared](), list[str]()
    for file in test_files(paths):
        try:
            declared += [Declared(own, file) for own in _claims_of(file)]
        except pytest.skip.Exception as skip:
            skipped.append(f"{file} is left out: {skip.msg}")
    return Found(tuple(declared), tuple(skipped))


def claims_in(folder: Path) -> list[Claim]:
    """Every claim that the test files in and under a folder declare."""
    return find([folder]).claims


def test_files(paths: Sequence[Path]) -> list[Path]:
    """The files themselves and the test files of the folders, each once; SemphaseError for what is not there."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted({file for pattern in PATTERNS for file in path.rglob(pattern) if _belongs(file, path)})
        elif path.is_file() and path.suffix == ".py":
            found.append(path)
        else:
            raise SemphaseError(f"{path} is {'no Python file' if path.exists() else 'not there'}: name a test file")
    return list({file.resolve(): file for file in found}.values())


def _belongs(file: Path, folder: Path) -> bool:
    """Is it the project's own, not in a hidden folder or a virtual environment?"""
    inner = file.relative_to(folder).parents
    return not any(part.name.startswith(".") or (folder / part / "pyvenv.cfg").exists() for part in inner if part.name)


def _claims_of(file: Path) -> list[Frozen]:
    with _neighbours_importable(file.parent), _imported(file) as module:
        own = [value for value in vars(module).values() if getattr(value, "__module__", None) == module.__name__]
        tests = [test for value in own for test in (vars(value).values() if isinstance(value, type) else (value,))]
        once = {id(test): test for test in tests}.values()
        marked = [(mark, test) for test in once for mark in getattr(test, "pytestmark", ())]
        return [frozen(mark.args[0], test) for mark, test in marked if mark.name == "claim" and mark.args]


@contextlib.contextmanager
def _imported(file: Path) -> Iterator[ModuleType]:
    """The module of a file, which is known to Python inside the block alone."""
    name = f"_declared_{hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:12]}_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        _execute(module, spec.loader, file)
        yield module
    finally:
        del sys.modules[name]


def _execute(module: ModuleType, loader: Loader, file: Path) -> None:
    try:
        loader.exec_module(module)
    except SemphaseError as problem:
        raise SemphaseError(f"{file}: {problem}") from problem
    except (KeyboardInterrupt, pytest.skip.Exception):
        raise
    except SystemExit as problem:
        raise SemphaseError(
            f"{file} ends Python when it is imported (SystemExit: {problem.code}): have it do so only as a program, under "
            'if __name__ == "__main__"'
        ) from problem
    except BaseException as problem:  # it is somebody else's code, which may raise anything
        told = " ".join(traceback.format_exception_only(problem)[-1].split())
        raise SemphaseError(f"{file} cannot be imported: {told}") from problem


@contextlib.contextmanager
def _neighbours_importable(folder: Path) -> Iterator[None]:
    """The folder's modules and packages beside it can be imported, as under pytest.

    Modules right in the folder are forgotten afterwards, since another folder may have others of these names.
    """
    home = folder.resolve()
    before, added = set(sys.modules), [str(home.parent), str(home)]
    sys.path[:0] = added
    try:
        yield
    finally:
        for path in added:
            sys.path.remove(path)
        for name in set(sys.modules) - before:
            origin = getattr(sys.modules[name], "__file__", None)
            if origin and Path(origin).resolve().parent == home:
                del sys.modules[name]
