"""Functions of a package as they are written in its files, without importing them: what a hash of code may follow."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

HERE = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Source:
    """A source without comments and docstrings, and the nodes of its tree that name something."""

    text: str
    nodes: tuple[ast.AST, ...]

    @classmethod
    def of(cls, tree: ast.AST) -> Source:
        """The source of a tree."""
        named = (ast.Name, ast.Attribute, ast.Import, ast.ImportFrom)
        return cls(ast.unparse(tree), tuple(node for node in ast.walk(tree) if isinstance(node, named)))


@dataclass(frozen=True, slots=True)
class Named:
    """A name at the top of a module of semphase, or a module of it where the name is empty."""

    module: str
    name: str = ""

    @property
    def __name__(self) -> str:
        """In full."""
        return f"{self.module}.{self.name}" if self.name else self.module

    def of(self, name: str) -> Named:
        """What a name in this module stands for; of what is no module, the thing itself."""
        whole = self.__name__
        return Named(whole, name) if is_module(whole) else self


def is_module(name: str) -> bool:
    """Is it a module or package of semphase?"""
    return _file(name) is not None


def written(named: Named, packages: tuple[str, ...], seen: dict[str, str]) -> None:
    """Add to `seen` how the named thing is written, and all of the packages that it reaches, each by its name."""
    if named.__name__ in seen or not _within(named.module, packages):
        return
    if is_module(named.__name__):
        seen[named.__name__] = "module"
        return
    statements = _top(named.module).get(named.name, ())
    sources = [source for source in statements if isinstance(source, Source)]
    seen[named.__name__] = "\n".join(source.text for source in sources)
    for found in statements:
        if isinstance(found, Named):
            seen[named.__name__] += f"\n{found.__name__}"
            written(found, packages, seen)
    for source in sources:
        for part in _names(source, named.module):
            written(part, packages, seen)


def names_at_top(module: str) -> tuple[str, ...]:
    """All names at the top of a module of semphase."""
    return tuple(_top(module))


def _within(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == own or module.startswith(f"{own}.") for own in packages)


def _names(source: Source, module: str) -> Iterator[Named]:
    """What the names in a source of a module stand for, as far as its files tell."""
    top, own = _top(module), dict(_imported(source.nodes, module))
    for node in source.nodes:
        if isinstance(node, ast.Name) and node.id in own:
            yield own[node.id]
        elif isinstance(node, ast.Name) and node.id in top:
            yield Named(module, node.id)
        elif isinstance(node, ast.Attribute) and (found := _attribute(node, top, own)) is not None:
            yield found


def _attribute(node: ast.Attribute, top: dict[str, tuple[Source | Named, ...]], own: dict[str, Named]) -> Named | None:
    owner = node.value
    if isinstance(owner, ast.Attribute):
        found = _attribute(owner, top, own)
    elif isinstance(owner, ast.Name):
        found = own.get(owner.id) or next((part for part in top.get(owner.id, ()) if isinstance(part, Named)), None)
    else:
        return None
    return found.of(node.attr) if found is not None and is_module(found.__name__) else None


@lru_cache(maxsize=1024)
def _top(module: str) -> dict[str, tuple[Source | Named, ...]]:
    """The names at the top of a module: the statements that give them a value, or what they are imported as."""
    file = _file(module)
    if file is None:
        return {}
    found: dict[str, tuple[Source | Named, ...]] = {}
    for node in _statements(undocumented(ast.parse(file.read_text(encoding="utf-8"))).body):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for name, named in _imported((node,), module):
                found[name] = (*found.get(name, ()), named)
        elif bound := dict.fromkeys(_bound(node)):
            source = Source.of(node)
            for name in bound:
                found[name] = (*found.get(name, ()), source)
    return found


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Those at the top, and those under a condition there."""
    for node in body:
        if isinstance(node, ast.If | ast.Try | ast.With):
            yield from _statements([*node.body, *getattr(node, "orelse", [])])
        else:
            yield node


def _bound(node: ast.stmt) -> Iterator[str]:
    """The names that a statement at the top gives a value, or changes the value of."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        # A part of what a name stands for may be set: TABLE["a"] = 1.
        yield from (part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name))


def _imported(nodes: tuple[ast.AST, ...], module: str) -> Iterator[tuple[str, Named]]:
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield (
                    alias.asname or alias.name.partition(".")[0],
                    Named(alias.name if alias.asname else alias.name.partition(".")[0]),
                )
        elif isinstance(node, ast.ImportFrom):
            file = _file(module)
            package = module if file is not None and file.name == "__init__.py" else module.rpartition(".")[0]
            source = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            yield from ((alias.asname or alias.name, Named(source, alias.name)) for alias in node.names)


@lru_cache(maxsize=4096)
def _file(module: str) -> Path | None:
    top, _, rest = module.partition(".")
    if top != HERE.name:
        return None
    place = HERE.joinpath(*rest.split(".")) if rest else HERE
    return next((own for own in (place.with_suffix(".py"), place / "__init__.py") if own.is_file()), None)


def undocumented(tree: ast.Module) -> ast.Module:
    """The tree without docstrings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            node.body = _undocumented(node.body)
    return tree


def _undocumented(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0]
    documented = (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    )
    return (body[1:] or [ast.Pass()]) if documented else body
