"""The source of a function or class as Python holds it: for what no statement at the top of a file tells."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import linecache
import sys
import textwrap
from collections import ChainMap
from collections.abc import Iterator, Mapping
from types import CodeType, FunctionType, ModuleType
from typing import Any
from weakref import WeakKeyDictionary

from semphase.code.places import PACKAGE, of_project
from semphase.code.sources import Named, Source, is_module, undocumented
from semphase.code.view import VIEW
from semphase.errors import SemphaseError


def names_of(code: CodeType) -> Iterator[str]:
    """All names that compiled code uses, that of functions inside it too."""
    yield from code.co_names
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield from names_of(part)


def bytes_of(code: CodeType) -> str:
    """Compiled code, that of functions inside it too, without its place."""
    parts = [bytes_of(part) if isinstance(part, CodeType) else repr(part) for part in code.co_consts]
    return repr((code.co_code.hex(), code.co_names, code.co_varnames, parts))


_SOURCES: WeakKeyDictionary[Any, Source] = WeakKeyDictionary()
"""Those that were read before: many claims reach the same functions."""


def _source(thing: Any) -> Source:
    if thing not in _SOURCES:
        _SOURCES[thing] = Source.of(_bare_tree(thing))
    return _SOURCES[thing]


def read(thing: Any, names: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The source of a function or class without comments and docstrings, and what its names stand for."""
    marked = VIEW.get().marked
    source = _source(thing)
    if marked is not None and isinstance(thing, FunctionType) and repr(marked) in source.text:
        source = Source.of(unmarked(_bare_tree(thing), marked, names))
    return source.text, dict(named_in(source, names))


def unmarked(tree: ast.Module, marked: str, names: Mapping[str, Any]) -> ast.Module:
    """Without the decorator of semphase that is called with a text: what it says is frozen elsewhere."""
    for own in ast.walk(tree):
        if isinstance(own, ast.FunctionDef | ast.AsyncFunctionDef):
            own.decorator_list = [part for part in own.decorator_list if not _marks(part, marked, names)]
    return tree


def _marks(decorator: ast.expr, text: str, names: Mapping[str, Any]) -> bool:
    if not isinstance(decorator, ast.Call):
        return False
    given = [*decorator.args, *(own.value for own in decorator.keywords)]
    called = decorator.func.value if isinstance(decorator.func, ast.Attribute) else decorator.func
    found = names.get(called.id) if isinstance(called, ast.Name) else None
    home = found.__name__ if isinstance(found, ModuleType) else str(getattr(found, "__module__", ""))
    ours = home.partition(".")[0] == PACKAGE and not VIEW.get().packaged(home)
    return ours and any(isinstance(own, ast.Constant) and own.value == text for own in given)


def _bare_tree(thing: Any) -> ast.Module:
    """The source as a tree without docstrings; comments are gone with it."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(thing)))
    except (OSError, TypeError, SyntaxError) as problem:
        raise SemphaseError(
            f"the source of {thing.__qualname__} cannot be read, so its numbers could not be told from those of "
            "another version; write it in a file."
        ) from problem
    return undocumented(tree)


def lambda_node(function: FunctionType) -> ast.Lambda | None:
    """A lambda as it is written, also where others stand in its line; None where its place is not known."""
    code = function.__code__
    try:
        tree = ast.parse("".join(linecache.getlines(code.co_filename)))
    except SyntaxError:
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.Lambda) and node.lineno == code.co_firstlineno:
            body = node.body
            if (body.lineno, body.end_lineno, body.col_offset, body.end_col_offset) in code.co_positions():
                return node
    return None


def named_in(source: Source, names: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What the names in a source stand for: globals, attributes of modules, and what is imported inside."""
    names = ChainMap(dict(_imported(source, names)), names)  # type: ignore[arg-type]
    for node in source.nodes:
        if isinstance(node, ast.Name) and node.id in names:
            yield node.id, names[node.id]
        elif isinstance(node, ast.Attribute):
            found = _attribute(node, names)
            if found is not None:
                yield ast.unparse(node), found


def _attribute(node: ast.Attribute, names: Mapping[str, Any]) -> Any:
    """`module.part` as what it stands for; None where it is no attribute of a project's module."""
    owner = node.value
    module = names.get(owner.id) if isinstance(owner, ast.Name) else None
    if isinstance(owner, ast.Attribute):
        module = _attribute(owner, names)
    if isinstance(module, Named):
        return module.of(node.attr) if is_module(module.__name__) else None
    if isinstance(module, ModuleType) and VIEW.get().packaged(module.__name__):
        return Named(module.__name__, node.attr)
    if not isinstance(module, ModuleType) or not VIEW.get().counts(module.__name__):
        return None
    return getattr(module, node.attr, None)


def _imported(source: Source, names: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The project's functions and modules that a function imports itself."""
    for node in source.nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if VIEW.get().packaged(alias.name):
                    yield (alias.asname, Named(alias.name)) if alias.asname else (PACKAGE, Named(PACKAGE))
                elif of_project(alias.name):
                    own = importlib.import_module(alias.name)
                    yield (alias.asname, own) if alias.asname else (alias.name.partition(".")[0], _top(alias.name))
        elif isinstance(node, ast.ImportFrom):
            module = importlib.util.resolve_name("." * node.level + (node.module or ""), names.get("__package__"))
            if VIEW.get().packaged(module):
                yield from ((alias.asname or alias.name, Named(module, alias.name)) for alias in node.names)
            elif of_project(module):
                for alias in node.names:
                    yield alias.asname or alias.name, _member(importlib.import_module(module), alias.name)


def _member(package: ModuleType, name: str) -> Any:
    """What a package calls so, a module of it that nobody imported yet among them."""
    try:
        return getattr(package, name, None) or importlib.import_module(f"{package.__name__}.{name}")
    except ImportError:
        return None


def _top(module: str) -> ModuleType:
    return sys.modules[module.partition(".")[0]]
