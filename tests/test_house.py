"""The house's order, as far as no import contract can say it: no circles, and who may open the contents page."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "semphase"
CONTENTS = "semphase"
# Makes claims itself, as a claim file does.
DECLARING = {"semphase.science.audit.declare"}


def module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports(path: Path, files: dict[str, Path] = FILES) -> Iterator[str]:
    """The package's modules that a file imports anywhere in it, under TYPE_CHECKING and in functions as well."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in files)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports by a relative name"
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in files else node.module or "" for name in whole if node.module in files)


def test_no_files_import_each_other_in_a_circle():
    # The contents page names everything and is left out; what opens it is the next test's.
    graph = {name: set(imports(path)) - {name, CONTENTS} for name, path in FILES.items() if name != CONTENTS}
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as circle:
        raise AssertionError("a circle of files: " + " -> ".join(circle.args[1])) from None
    assert order.index("semphase.errors") < order.index("semphase.stats.pivot") < order.index("semphase.verdict.judge")


def test_a_circle_would_be_found(tmp_path):
    (tmp_path / "a.py").write_text("def f():\n    import b\n")
    (tmp_path / "b.py").write_text("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from a import f\n")
    files = {name: tmp_path / f"{name}.py" for name in "ab"}
    assert {name: list(imports(path, files)) for name, path in files.items()} == {"a": ["b"], "b": ["a"]}


def test_the_package_itself_does_not_open_the_contents_page():
    opening = {name for name, path in FILES.items() if CONTENTS in imports(path) and name != CONTENTS}
    assert opening <= DECLARING
