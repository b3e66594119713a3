"""Which names a statement binds or changes, and whether it may change something beyond its file."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

_WRITING = frozenset({"register", "setdefault", "add", "append", "extend", "insert", "update", "pop", "clear"})
"""Methods that change what they are called on, also where the value that they return is given a name."""
_MAKING = frozenset({"dict", "list", "set", "defaultdict", "Counter", "OrderedDict", "deque"})
_DISPLAYS = (ast.Dict, ast.List, ast.Set, ast.Tuple, ast.DictComp, ast.ListComp, ast.SetComp, ast.Constant)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True)
class Import:
    """What a name is imported as: a module, or a `member` of it ("*" is all of them); `level` counts the dots."""

    module: str
    member: str = ""
    level: int = 0


def touched(body: list[ast.stmt]) -> Iterator[tuple[ast.stmt, list[str], bool]]:
    """The statements of a file but its imports: the names that each touches, and whether it may change something else."""
    imports = {name for node in inside(body) for name, _ in imported(node)}
    look = _Look(frozenset(imports), _owned(body, imports), _writers(body))
    bound = {*imports, *_stored(body), *(own.name for own in inside(body) if isinstance(own, _DEFINITIONS))}
    for node in body:
        if not isinstance(node, ast.Import | ast.ImportFrom):
            names, reaches_out = look.whole(node)
            # What `from helper import *` gives a value is not known.
            yield node, [own for own in dict.fromkeys(names) if own in bound or "*" in imports], reaches_out


Touched = tuple[list[str], bool]


@dataclass(frozen=True, slots=True)
class _Look:
    """What is known of a file's names: which it imports, which are its own, what its functions change when called."""

    imports: frozenset[str]
    owned: Mapping[str, str]
    writers: Mapping[str, list[str]]

    def whole(self, node: ast.stmt) -> Touched:
        """A statement, with what the functions change that it calls."""
        names, reaches_out = self.own(node)
        written = [root for name in _run_by(node) for root in self.writers.get(name, ())]
        return names + written, reaches_out or any(not self.owned.get(root) for root in written)

    def own(self, node: ast.stmt) -> Touched:
        """A statement by itself."""
        if isinstance(node, _DEFINITIONS):
            return self._definition(node)
        if isinstance(node, _BLOCKS):
            return self._block(node)
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Delete):
            return self._assignment(node)
        if isinstance(node, ast.Expr):
            return list(loaded([node.value])), not self._changes_its_own(node.value)
        if isinstance(node, ast.Assert | ast.Raise):
            return list(loaded([node])), _calls(node)
        return [name for name, _ in imported(node)] + list(_stored([node])), False

    def _changes_its_own(self, value: ast.expr) -> bool:
        """Is it a call that changes what it is called on, a thing of this file, and nothing else?"""
        kind = self.owned.get(_called_on(value) or "")
        return kind == "display" or (kind == "definition" and _writes(value))

    def _definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> Touched:
        roots = list(self._registered_with(node))
        inner = node.body if isinstance(node, ast.ClassDef) else []
        changes = any(isinstance(own, ast.Expr) or _sets_part(own) for own in inside(inner))
        return [node.name, *roots], changes or any(root in self.imports for root in roots)

    def _registered_with(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> Iterator[str]:
        """What a decorator changes: `f` of `@f.register`."""
        for decorator in node.decorator_list:
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            root = _root(called) if isinstance(called, ast.Attribute) else None
            writes = isinstance(called, ast.Attribute) and called.attr in _WRITING
            if root and (root in self.owned or (root in self.imports and writes)):
                yield root

    def _assignment(self, node: ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Delete) -> Touched:
        targets = node.targets if isinstance(node, ast.Assign | ast.Delete) else [node.target]
        names, reaches_out = list(_stored([node])), False
        for part in (part for target in targets for part in _unpacked(target)):
            if isinstance(part, ast.Attribute | ast.Subscript):
                root = _root(part)
                names += [root] if root else []
                # `A.b.c = 1` changes what A.b stands for, which may be anything.
                reaches_out |= not isinstance(part.value, ast.Name) or not self.owned.get(root or "")
        value = None if isinstance(node, ast.Delete) else node.value
        if isinstance(value, ast.Call):
            names += [root] if _writes(value) and (root := _called_on(value)) else []
            if set(names) == {"_"}:
                # Nobody asks for its value: it is called for what it does.
                return [*names, *loaded([value])], True
        return names, reaches_out

    def _block(self, node: ast.stmt) -> Touched:
        header = _header(node)
        asks = isinstance(node, ast.If | ast.While | ast.Match)
        names = [*_stored(header), *([] if asks else loaded(header))]
        reaches_out = asks and any(_calls(own) for own in header if isinstance(own, ast.expr))
        for own in _bodies(node):
            inner, out = self.whole(own)
            names += inner
            reaches_out |= out
        return names, reaches_out


def imported(node: ast.AST) -> Iterator[tuple[str, Import]]:
    """The names that an import gives a value; none for another node."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            top = alias.name.partition(".")[0]
            yield (alias.asname, Import(alias.name)) if alias.asname else (top, Import(top))
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            yield alias.asname or alias.name, Import(node.module or "", alias.name, node.level)


def inside(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """All nodes that run at the top: not those inside functions, lambdas and classes."""
    for node in body:
        yield node
        if not isinstance(node, (*_DEFINITIONS, ast.Lambda)):
            yield from inside(ast.iter_child_nodes(node))


def _owned(body: list[ast.stmt], imports: set[str]) -> dict[str, str]:
    """Names that stand for things of this file and for nothing else: "display" or "definition", or "object" of a class."""
    found: dict[str, set[str]] = {}
    for node in inside(body):
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


def _sets_part(node: ast.AST) -> bool:
    """Does it give an attribute or an item of something a value?"""
    return isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load)


def _run_by(node: ast.stmt) -> Iterator[str]:
    """The functions that a statement calls when it runs, those that decorate what it defines among them."""
    decorators = getattr(node, "decorator_list", [])
    yield from (own.id for own in decorators if isinstance(own, ast.Name))
    given: list[ast.expr] = []
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        given = [own for own in (*node.args.defaults, *node.args.kw_defaults) if own is not None]
    inner = node.body if isinstance(node, ast.ClassDef) else []
    for own in inside([*decorators, *given, *inner] if isinstance(node, _DEFINITIONS) else [node]):
        if isinstance(own, ast.Call) and isinstance(own.func, ast.Name):
            yield own.func.id


def _writers(body: list[ast.stmt]) -> dict[str, list[str]]:
    """The functions of the file that change something beyond them, and the names by which they reach it."""
    functions = [node for node in inside(body) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {node.name: roots for node in functions if (roots := list(_written_by(node)))}


def _written_by(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    nodes = list(ast.walk(function))
    stored = {own.id for own in nodes if isinstance(own, ast.Name) and not isinstance(own.ctx, ast.Load)}
    stored -= {name for own in nodes for name in _aliases(own)}
    shared = {name for own in nodes if isinstance(own, ast.Global) for name in own.names}
    defined = {own.name for own in nodes if isinstance(own, _DEFINITIONS)}
    given = {own.arg for own in nodes if isinstance(own, ast.arg)}
    local = (stored | defined | given) - shared
    yield from shared
    for own in nodes:
        root = _root(own) if _sets_part(own) else None  # type: ignore[arg-type]
        if isinstance(own, ast.Call):
            by_name = isinstance(own.func, ast.Name) and own.func.id in ("setattr", "delattr") and own.args
            root = _root(own.args[0]) if by_name else _called_on(own) if _writes(own) else None
        if root and root not in local:
            yield root


def _aliases(node: ast.AST) -> Iterator[str]:
    """Names that a statement gives to what has a name already, or to each of many things."""
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name | ast.Attribute | ast.Subscript):
        yield from _stored(node.targets)
    elif isinstance(node, ast.For | ast.AsyncFor):
        yield from _stored([node.target])


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


def _unpacked(target: ast.expr) -> Iterator[ast.expr]:
    if isinstance(target, ast.Tuple | ast.List):
        for part in target.elts:
            yield from _unpacked(part)
    else:
        yield target.value if isinstance(target, ast.Starred) else target


def _method(value: ast.expr) -> ast.Attribute | None:
    """`REG.register` of `REG.register(f)` and of `REG.register(int)(f)`; None for another expression."""
    while isinstance(value, ast.Call) and isinstance(value.func, ast.Call):
        value = value.func
    return value.func if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) else None


def _called_on(value: ast.expr) -> str | None:
    method = _method(value)
    return method.value.id if method is not None and isinstance(method.value, ast.Name) else None


def _writes(value: ast.expr) -> bool:
    method = _method(value)
    return method is not None and method.attr in _WRITING


def _root(node: ast.expr) -> str | None:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _calls(node: ast.AST) -> bool:
    return any(isinstance(own, ast.Call) for own in inside([node]))


def _stored(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Names that get a value, that of `:=` too."""
    for own in inside(nodes):
        if isinstance(own, ast.Name) and not isinstance(own.ctx, ast.Load):
            yield own.id


def loaded(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """All names in nodes that run at the top."""
    for own in inside(nodes):
        if isinstance(own, ast.Name):
            yield own.id
