"""With `-p shapes`, as nox runs the tests, a wrong shape raises in each part of the package."""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from jaxtyping import Float, Int, TypeCheckError

shapes: Any = sys.modules.get("shapes")
PACKAGE = Path(__file__).parent.parent / "semphase"
pytestmark = pytest.mark.skipif(shapes is None, reason="shapes are checked with -p shapes alone")


@pytest.mark.parametrize(
    ("module", "name", "arguments"),
    [
        ("semphase.stats.batch", "_squares", (np.zeros(3),)),
        ("semphase.measure.weights", "_by_head", (torch.zeros(3), 1)),
        ("semphase.models.anatomy", "write_of", (None, torch.zeros(3, 3))),
        ("semphase.science.cvfp.orderings", "correlation", (np.zeros((2, 3)), np.zeros((2, 4)))),
    ],
)
def test_a_wrong_shape_raises(module, name, arguments):
    with pytest.raises(TypeCheckError):
        getattr(importlib.import_module(module), name)(*arguments)


def aliases() -> list[tuple[str, str, str]]:
    """Names that files import for mypy alone, by file, module and name."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                found += [
                    (path.name, inner.module or "", alias.name)
                    for inner in node.body
                    if isinstance(inner, ast.ImportFrom)
                    for alias in inner.names
                    if alias.name != "*"
                ]
    return found


def test_no_shape_is_imported_for_mypy_alone():
    """Such a name cannot be looked up when the function is made, and would go unchecked in silence."""
    assert aliases()
    for file, module, name in aliases():
        if module.startswith("semphase"):
            thing = getattr(importlib.import_module(module), name)
            assert not shapes.has_shape(thing), f"{file} imports {name} under TYPE_CHECKING"


def test_a_shape_with_a_name_that_is_not_there_is_an_error():
    def function(a: tuple[Missing, Float[np.ndarray, " unit"]]) -> None:  # type: ignore[name-defined]
        """Nothing."""

    with pytest.raises(TypeError, match="cannot be checked"):
        shapes.checked(function)


def test_scalars_stand_for_arrays_without_axes_only():
    def function(a: Float[np.ndarray, "*draw"], b: Int[np.ndarray, " unit"]) -> None:
        """Nothing."""

    function.__annotations__ = {"a": Float[np.ndarray, "*draw"], "b": Int[np.ndarray, " unit"]}
    made = shapes.checked(function)
    made(np.float64(1), np.zeros(2, dtype=int))
    with pytest.raises(Exception, match="unit"):
        made(np.float64(1), np.int64(2))


def test_shapes_are_checked_in_every_part():
    for part in shapes.PARTS:
        assert any(name.startswith(f"{part}.") for name in shapes.CHECKED), part
