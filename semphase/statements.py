"""The statements at the top of a file, by the names that they give a value or change: read, and not run."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

_WRITING = frozenset({"register", "setdefault", "add", "append", "extend", "insert", "update", "pop", "clear"})
"""Methods that change what they are called on, also where the value that they return is given a name."""
_MAKING = frozenset({"dict", "list", "set", "defaultdict", "Counter", "OrderedDict", "deque"})
_DISPLAYS = (ast.Dict, ast.List, ast.Set, ast.Tuple, ast.DictComp, ast.ListComp, ast.SetComp, ast.Constant)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match)
Chain = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Import:
    """What a name is imported as: a module, or a `member` of it ("*" is all of them); `level` counts the dots."""

    module: str
    member: str = ""
    level: int = 0


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
    imports, modules = _top_imports(body)
    owned = _owned(body, imports)
    bound = {*imports, *_bound(body)}
    touching: dict[str, list[Statement]] = {}
    effects = []
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            continue
        names, reaches_out = _touched(node, imports, owned)
        statement = Statement(node)
        effects += [statement] if reaches_out else []
        for name in dict.fromkeys(names if "*" in imports else (own for own in names if own in bound)):
            touching.setdefault(name, []).append(statement)
    return Sheet(
        {name: tuple(found) for name, found in touching.items()},
        tuple(effects),
        {name: tuple(found) for name, found in imports.items() if name != "*"},
        tuple(imports.get("*", ())),
        tuple(dict.fromkeys(modules)),
        {own.name: frozenset(_loaded(own.bases)) for own in _inside(body) if isinstance(own, ast.ClassDef)},
        _fixtures(body),
        ast.unparse(tree),
    )


def imported(node: ast.AST) -> Iterator[tuple[str, Import]]:
    """The names that an import gives a value; none for another node."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            top = alias.name.partition(".")[0]
            yield (alias.asname, Import(alias.name)) if alias.asname else (top, Import(top))
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            yield alias.asname or alias.name, Import(node.module or "", alias.name, node.level)


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


def _inside(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """All nodes that run at the top: not those inside functions, lambdas and classes."""
    for node in body:
        yield node
        if not isinstance(node, (*_DEFINITIONS, ast.Lambda)):
            yield from _inside(ast.iter_child_nodes(node))


def _top_imports(body: list[ast.stmt]) -> tuple[dict[str, list[Import]], list[Import]]:
    """By the name that they bind, and the modules that are run for them."""
    names: dict[str, list[Import]] = {}
    modules = []
    for node in _inside(body):
        for name, own in imported(node):
            names.setdefault(name, []).append(own)
        if isinstance(node, ast.Import):
            modules += [Import(alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules += [Import(node.module or "", alias.name, node.level) for alias in node.names]
    return names, modules


def _owned(body: list[ast.stmt], imports: Mapping[str, list[Import]]) -> dict[str, str]:
    """Names that stand for things of this file and for nothing else: "display" or "definition", or "object" of a class."""
    found: dict[str, set[str]] = {}
    for node in _inside(body):
        if isinstance(node, _DEFINITIONS):
            found.setdefault(node.name, set()).add("definition")
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name):
                    found.setdefault(target.id, set()).add(_kind(node.value, found))
        elif isinstance(node, ast.For | ast.AsyncFor | ast.With | ast.AsyncWith):
            for name in _stored(_header(node)):
                found.setdefault(name, set()).add("")
    return {name: min(kinds) for name, kinds in found.items() if name not in imports}


def _kind(value: ast.expr | None, found: Mapping[str, set[str]]) -> str:
    if isinstance(value, _DISPLAYS):
        return "display"
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        if value.func.id in _MAKING:
            return "display"
        return "object" if "definition" in found.get(value.func.id, ()) else ""
    return ""


def _touched(node: ast.stmt, imports: Mapping[str, list[Import]], owned: Mapping[str, str]) -> tuple[list[str], bool]:
    """The names that a statement binds or changes, and whether it may change something else."""
    if isinstance(node, _DEFINITIONS):
        roots = list(_registered_with(node, imports, owned))
        return [node.name, *roots], any(root in imports for root in roots)
    if isinstance(node, _BLOCKS):
        return _touched_in_block(node, imports, owned)
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Delete):
        return _touched_by_assignment(node, owned)
    if isinstance(node, ast.Expr):
        root = _called_on(node.value)
        return list(_loaded([node.value])), owned.get(root or "") not in ("display", "definition")
    if isinstance(node, ast.Assert | ast.Raise):
        return list(_loaded([node])), _calls(node)
    return [name for name, _ in imported(node)] + list(_stored([node])), False


def _touched_by_assignment(
    node: ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Delete, owned: Mapping[str, str]
) -> tuple[list[str], bool]:
    targets = node.targets if isinstance(node, ast.Assign | ast.Delete) else [node.target]
    value = None if isinstance(node, ast.Delete) else node.value
    names, reaches_out = list(_stored([node])), False
    for part in (part for target in targets for part in _unpacked(target)):
        if isinstance(part, ast.Attribute | ast.Subscript):
            root = _root(part)
            names += [root] if root else []
            reaches_out |= not owned.get(root or "")
    if isinstance(value, ast.Call):
        writes = isinstance(value.func, ast.Attribute) and value.func.attr in _WRITING
        names += [root] if writes and (root := _called_on(value)) else []
        if names == ["_"]:
            # Nobody asks for its value: it is called for what it does.
            return [*names, *_loaded([value])], True
    return names, reaches_out


def _touched_in_block(
    node: ast.stmt, imports: Mapping[str, list[Import]], owned: Mapping[str, str]
) -> tuple[list[str], bool]:
    header = _header(node)
    conditions = [own for own in header if isinstance(own, ast.expr)]
    asks = isinstance(node, ast.If | ast.While | ast.Match)
    names = [*_stored(header), *([] if asks else _loaded(header))]
    reaches_out = asks and any(map(_calls, conditions))
    for own in _bodies(node):
        inner, out = _touched(own, imports, owned)
        names += inner
        reaches_out |= out
    return names, reaches_out


def _header(node: ast.AST) -> list[ast.AST]:
    """What stands before a block's bodies."""
    return [
        own for own in ast.iter_child_nodes(node) if not isinstance(own, ast.stmt | ast.excepthandler | ast.match_case)
    ]


def _bodies(node: ast.AST) -> Iterator[ast.stmt]:
    for own in ast.iter_child_nodes(node):
        if isinstance(own, ast.stmt):
            yield own
        elif isinstance(own, ast.excepthandler | ast.match_case):
            yield from _bodies(own)


def _registered_with(
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef,
    imports: Mapping[str, list[Import]],
    owned: Mapping[str, str],
) -> Iterator[str]:
    """What a decorator registers the definition with: `f` of `@f.register`."""
    for decorator in node.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        root = _root(called) if isinstance(called, ast.Attribute) else None
        if root and (root in owned or (root in imports and called.attr in _WRITING)):  # type: ignore[attr-defined]
            yield root


def _unpacked(target: ast.expr) -> Iterator[ast.expr]:
    if isinstance(target, ast.Tuple | ast.List):
        for part in target.elts:
            yield from _unpacked(part)
    else:
        yield target.value if isinstance(target, ast.Starred) else target


def _called_on(value: ast.expr) -> str | None:
    """`REG` of `REG.register(f)`; None for another expression."""
    while isinstance(value, ast.Call) and isinstance(value.func, ast.Call):
        value = value.func
    return _root(value.func) if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) else None


def _root(node: ast.expr) -> str | None:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _calls(node: ast.AST) -> bool:
    return any(isinstance(own, ast.Call) for own in _inside([node]))


def _stored(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Names that get a value, that of `:=` too."""
    for own in _inside(nodes):
        if isinstance(own, ast.Name) and not isinstance(own.ctx, ast.Load):
            yield own.id


def _bound(body: list[ast.stmt]) -> Iterator[str]:
    """Names that the file gives a value, imports left out."""
    yield from _stored(body)
    yield from (own.name for own in _inside(body) if isinstance(own, _DEFINITIONS))


def _loaded(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for own in _inside(nodes):
        if isinstance(own, ast.Name):
            yield own.id


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
    for node in _inside(body):
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
