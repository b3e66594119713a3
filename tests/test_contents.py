"""The contents page: complete, light, and the same for a type checker as for Python."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import semphase


def public(module: str, names: str) -> list[str]:
    """The names of a module that the page shows; "*" stands for its `__all__`."""
    return list(importlib.import_module(module).__all__) if names == "*" else names.split()


TABLE = {name: module for module, names in semphase.HOMES.items() for name in public(module, names)}


def ran(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def for_type_checkers() -> dict[str, str]:
    tree = ast.parse(Path(semphase.__file__).read_text(encoding="utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    imports = [(node.module or "", alias.name) for node in guarded.body if isinstance(node, ast.ImportFrom)
               for alias in node.names if alias.name not in ("edits", "wiring")]  # fmt: skip
    return {name: module for module, named in imports for name in public(module, named)}


def test_type_checkers_and_python_see_the_same_names() -> None:
    assert for_type_checkers() == TABLE
    assert sorted(semphase.__all__) == dir(semphase) == sorted(TABLE)


@pytest.mark.parametrize("name", sorted(TABLE))
def test_every_name_is_there(name: str) -> None:
    assert getattr(semphase, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'semphase' has no attribute 'clami'"):
        semphase.clami  # noqa: B018


def test_the_import_takes_no_time_and_no_library() -> None:
    code = (
        "import time; start = time.process_time(); import semphase; print(time.process_time() - start)\n"
        "import sys; print({'torch', 'numpy', 'scipy', 'xarray', 'pytest', 'transformers'} & set(sys.modules))"
    )
    seconds, imported = ran(code).splitlines()
    assert float(seconds) < 0.3
    assert imported == "set()"


def test_the_nouns_need_no_torch() -> None:
    code = f"import semphase, sys; [getattr(semphase, name) for name in {sorted(TABLE)}]; print('torch' in sys.modules)"
    assert ran(code) == "False"


@pytest.mark.slow
def test_a_module_is_imported_when_a_public_name_of_it_is_used() -> None:
    code = (
        "import sys; from semphase.science.heads import facet\n"
        "hasattr(facet, '__test__'), hasattr(facet, '_name'); print('torch' in sys.modules)\n"
        "facet.Heads; print('torch' in sys.modules)\n"
        "from semphase.science.heads import facet as real; print(real is sys.modules['semphase.science.heads.facet'])"
    )
    assert ran(code).split() == ["False", "True", "True"]


def test_a_module_that_there_is_not_cannot_be_imported() -> None:
    with pytest.raises(ImportError, match=r"cannot import name 'fascet' from 'semphase\.science\.heads'"):
        from semphase.science.heads import fascet  # type: ignore[attr-defined] # noqa: F401
