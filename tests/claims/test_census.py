"""The closed list of claims that speak of all there is, and have no interval."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from semphase.science.wqk import bases

ROOT = Path(__file__).parents[2]
MAKERS = {"semphase/science/wqk/bases.py": {"dimension", "layer_correlation"}}
"""`wqk.low-dimensional` and `wqk.components-encode-layer`; one more is an amendment."""


def calling(path: Path, name: str) -> set[str]:
    """Functions of a file that call one of this name; "" for the file itself."""
    found = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = {id(node): function.name for function in ast.walk(tree) if isinstance(function, ast.FunctionDef)
              for node in ast.walk(function)}  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", None)) == name:
            found.add(inside.get(id(node), ""))
    return found


def test_only_the_claims_of_the_list_make_a_census():
    files = [*(ROOT / "semphase").rglob("*.py"), *(ROOT / "claims").glob("*.py")]
    found = {str(path.relative_to(ROOT)): calling(path, "census") for path in files}
    assert {path: names for path, names in found.items() if names} == MAKERS


def test_nothing_else_names_the_population_of_a_census():
    naming = [path for path in (ROOT / "semphase").rglob("*.py") if "CENSUS" in path.read_text(encoding="utf-8")]
    assert [path.name for path in naming if path.parent.name == "stats"] == ["estimate.py"]


@pytest.mark.parametrize("name", sorted(MAKERS["semphase/science/wqk/bases.py"]))
def test_the_claims_of_the_list_use_them(name):
    own = {"dimension": "low_dimensional", "layer_correlation": "components_encode_layer"}[name]
    assert hasattr(bases, name)
    claims = ROOT / "claims"
    using = {(path.name, function) for path in claims.glob("*.py") for function in calling(path, name)}
    assert {path for path, _ in using} == {"test_wqk.py"}
    assert any(own in function or function in ("dimension", "correlation") for _, function in using)
