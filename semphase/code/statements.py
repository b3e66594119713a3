"""The statements at the top of a file, by the names that they give a value or change: read, and not run."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from semphase.code.touching import Import, imported, inside, loaded, touched

Chain = tuple[str, ...]


class Statement:
    """A statement as it is written, without comments and docstrings, and what it names."""

    def __init__(self, node: ast.AST) -> None:
        self.node = node
        self.text = ast.unparse(node)

    @cached_property
    def chains(self) -> tuple[Chain, ...]:
        """The names in it, each with the attributes that are asked of it: ("np", "linalg", "norm")."""
        return tuple(dict.fromkeys(_chains(self.node)))

    @cached_property
    def imports(self) -> Mapping[str, Import]:
        """What is imported inside it."""
        return {name: own for node in ast.walk(self.node) for name, own in imported(node)}

    @cached_property
    def texts(self) -> frozenset[str]:
        """All texts in it."""
        values = (node.value for node in ast.walk(self.node) if isinstance(node, ast.Constant))
        return frozenset(value for value in values if isinstance(value, str))


@dataclass(frozen=True, slots=True)
class Fixture:
    """A fixture of pytest: the function that makes it, the fixtures that it takes, and whether every test gets it."""

    function: str
    takes: tuple[str, ...]
    autouse: bool


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """What stands at the top of a file.

    `touching` has for each name the statements that bind it or change what it stands for, imports left out;
    `effects` are those that may change something beyond the file's own names.
    """

    touching: Mapping[str, tuple[Statement, ...]]
    effects: tuple[Statement, ...]
    imports: Mapping[str, tuple[Import, ...]]
    stars: tuple[Import, ...]
    modules: tuple[Import, ...]
    bases: Mapping[str, frozenset[str]]
    fixtures: Mapping[str, tuple[Fixture, ...]]
    everything: str

    def names(self) -> list[str]:
        """All names that the file gives a value."""
        return list(dict.fromkeys([*self.touching, *self.imports]))

    def derived(self, name: str) -> list[str]:
        """A class and those of the file that derive from it."""
        found = [name]
        for own in found:
            found += [other for other, bases in self.bases.items() if own in bases and other not in found]
        return found


@lru_cache(maxsize=512)
def sheet_of(text: str) -> Sheet:
    """The sheet of a file's text; raises SyntaxError where it is no Python."""
    tree = _bare(ast.parse(text))
    body = list(_run(tree.body))
    touching: dict[str, list[Statement]] = {}
    effects = []
    for node, names, reaches_out in touched(body):
        statement = Statement(node)
        effects += [statement] if reaches_out else []
        for name in names:
            touching.setdefault(name, []).append(statement)
    imports, modules = _top_imports(body)
    return Sheet(
        {name: tuple(found) for name, found in touching.items()},
        tuple(effects),
        {name: tuple(found) for name, found in imports.items() if name != "*"},
        tuple(imports.get("*", ())),
        tuple(dict.fromkeys(modules)),
        {own.name: frozenset(loaded(own.bases)) for own in inside(body) if isinstance(own, ast.ClassDef)},
        _fixtures(body),
        ast.unparse(tree),
    )


def _bare(tree: ast.Module) -> ast.Module:
    """Without texts that stand alone: docstrings, and what is said below a constant."""
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            body = getattr(node, name, None)
            if isinstance(body, list):
                kept = [own for own in body if not (isinstance(own, ast.Expr) and isinstance(own.value, ast.Constant))]
                setattr(node, name, kept or ([ast.Pass()] if body and not isinstance(node, ast.Module) else []))
    return tree


def _run(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run when the file is imported."""
    for node in body:
        if isinstance(node, ast.If) and _is_left_out(node.test):
            yield from _run(node.orelse)
        else:
            yield node


def _is_left_out(test: ast.expr) -> bool:
    return ast.unparse(test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING", "__name__ == '__main__'")


def _top_imports(body: list[ast.stmt]) -> tuple[dict[str, list[Import]], list[Import]]:
    """By the name that they bind, and the modules that are run for them."""
    names: dict[str, list[Import]] = {}
    modules = []
    for node in inside(body):
        for name, own in imported(node):
            names.setdefault(name, []).append(own)
        if isinstance(node, ast.Import):
            modules += [Import(alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules += [Import(node.module or "", alias.name, node.level) for alias in node.names]
    return names, modules


def _chains(node: ast.AST) -> Iterator[Chain]:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        yield (node.id, *reversed(parts))
    elif parts:
        yield from _chains(node)
    for own in () if parts else ast.iter_child_nodes(node):
        yield from _chains(own)


def _fixtures(body: list[ast.stmt]) -> dict[str, tuple[Fixture, ...]]:
    found: dict[str, tuple[Fixture, ...]] = {}
    for node in inside(body):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for decorator in node.decorator_list:
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            if ast.unparse(called).endswith("fixture"):
                options = {own.arg: own.value for own in decorator.keywords} if isinstance(decorator, ast.Call) else {}
                name, fixture = _fixture(node, options)
                found[name] = (*found.get(name, ()), fixture)
    return found


def _fixture(
    node: ast.FunctionDef | ast.AsyncFunctionDef, options: Mapping[str | None, ast.expr]
) -> tuple[str, Fixture]:
    name, autouse = options.get("name"), options.get("autouse")
    always = autouse is not None and not (isinstance(autouse, ast.Constant) and not autouse.value)
    return str(name.value) if isinstance(name, ast.Constant) else node.name, Fixture(node.name, arguments(node), always)


def arguments(node: ast.FunctionDef | ast.AsyncFunctionDef) -> tuple[str, ...]:
    """The names of a function's arguments."""
    given = node.args
    return tuple(own.arg for own in (*given.posonlyargs, *given.args, *given.kwonlyargs))
