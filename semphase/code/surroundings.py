"""What pytest brings to a test that its code does not name: fixtures, setups, and the conftest file beside it."""

from __future__ import annotations

import ast

from semphase.code.modules import Module
from semphase.code.reach import Reach
from semphase.code.statements import Fixture, Statement, arguments

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
        reach.take(module, fixture)
    if module.file is not None and (file := module.file.parent / f"{CONFTEST}.py").is_file():
        conftest = reach.modules.read(file, CONFTEST)
        reach.seen[file.name] = conftest.sheet.everything
        reach.whole(conftest)


def _fixtures(module: Module, test: str) -> list[str]:
    """Where those stand that every test gets, that the test takes or names in a text, and those that they take."""
    known = module.sheet.fixtures
    top, _, rest = test.partition(".")
    statements = [own for name in (top, "pytestmark") for own in module.sheet.touching.get(name, ())]
    taken = [name for own in statements for name in _arguments(own, rest or top)]
    wanted = [name for name, found in known.items() if any(own.autouse for own in found)]
    wanted += [*taken, *(name for own in statements for name in own.texts)]
    found = list[Fixture]()
    for name in wanted:
        new = [own for own in known.get(name, ()) if own not in found]
        found += new
        wanted += [taken for own in new for taken in own.takes]
    # `k = pytest.fixture(make)` stands under the name that the test takes.
    return [*taken, *(own.function for own in found)]


def _arguments(statement: Statement, function: str) -> list[str]:
    nodes = [node for node in ast.walk(statement.node) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [name for node in nodes if node.name == function.rpartition(".")[2] for name in arguments(node)]
