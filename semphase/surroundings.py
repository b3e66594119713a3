"""What pytest brings to a test that its code does not name: fixtures, setups, and the conftest file beside it."""

from __future__ import annotations

import ast

from semphase.modules import Module, read_only
from semphase.reach import Reach
from semphase.statements import Fixture, Import, Statement, arguments

_SETUPS = frozenset(
    {"setup_module", "teardown_module", "setup_function", "teardown_function", "setUpModule", "tearDownModule"}
    | {"setup", "teardown", "pytestmark", "pytest_plugins"}
)
CONFTEST = "conftest"


def surround(reach: Reach, module: Module, test: str) -> None:
    """Add what surrounds the test of that name, the full one, in a module."""
    for name in module.names():
        if name in _SETUPS or name.startswith("pytest_"):
            reach.take(module, name)
    for fixture in _fixtures(module, test):
        reach.take(module, fixture.function)
    if module.file is not None and (file := module.file.parent / f"{CONFTEST}.py").is_file():
        _add_conftest(reach, read_only(file, CONFTEST))


def _fixtures(module: Module, test: str) -> list[Fixture]:
    """Those of the file that every test gets, that the test takes or names in a text, and those that they take."""
    known = module.sheet.fixtures
    top, _, rest = test.partition(".")
    statements = [own for name in (top, "pytestmark") for own in module.sheet.touching.get(name, ())]
    wanted = [name for name, found in known.items() if any(own.autouse for own in found)]
    wanted += [name for own in statements for name in (*own.texts, *_arguments(own, rest or top))]
    found = list[Fixture]()
    for name in wanted:
        new = [own for own in known.get(name, ()) if own not in found]
        found += new
        wanted += [taken for own in new for taken in own.takes]
    return found


def _arguments(statement: Statement, function: str) -> list[str]:
    nodes = [node for node in ast.walk(statement.node) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [name for node in nodes if node.name == function.rpartition(".")[2] for name in arguments(node)]


def _add_conftest(reach: Reach, conftest: Module) -> None:
    """The whole file, without running it, and what lies beside it that it imports."""
    reach.seen[f"{CONFTEST}.py"] = conftest.sheet.everything
    for own in conftest.sheet.modules:
        found = reach.modules.imported(Import(own.module, own.member, own.level), conftest)
        if isinstance(found, Module):
            reach.whole(found)
        elif isinstance(found, tuple) and found[1] == "*":
            reach.whole(found[0])
        elif isinstance(found, tuple):
            reach.take(*found)
