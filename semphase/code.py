"""What a function computes, as a hash: its code and that of the project's functions it calls, comments left out."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib
import importlib.util
import inspect
import linecache
import re
import site
import sys
import sysconfig
import textwrap
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields, is_dataclass
from functools import lru_cache
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any
from weakref import WeakKeyDictionary

from semphase.errors import SemphaseError
from semphase.sources import Named, Source, is_module, undocumented, written

PACKAGE = "semphase"
DERIVED = {"derived": True}
"""Metadata of a dataclass's field that says in other words what its other fields say."""
_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]+")


@dataclass(frozen=True, slots=True)
class _View:
    """How code is looked at: packages that count as the project's, and the module whose name does not count."""

    packages: tuple[str, ...] = ()
    nameless: str | None = None
    marked: str | None = None

    @property
    def lasting(self) -> bool:
        """Is the hash written down for other machines, other versions of Python and other ways to import a file?"""
        return self.nameless is not None

    def counts(self, module: str) -> bool:
        """Is it a module of the project, or of a package that counts as such?"""
        return of_project(module) or self.packaged(module)

    def packaged(self, module: str) -> bool:
        """Is it of a package that counts as the project's?"""
        return any(module == own or module.startswith(f"{own}.") for own in self.packages)

    def name(self, module: str | None) -> str:
        """The module's name, but for the one whose name depends on how it was imported."""
        return "" if module == self.nameless else str(module)


_OF_KEYS = _View()
_VIEW: ContextVar[_View] = ContextVar("view", default=_OF_KEYS)


def code_hash(function: Callable[..., Any]) -> str:
    """SHA-256 of a function, of the functions and classes of its project that it reaches, and of the constants.

    Comments, docstrings and layout do not count; default arguments and the values of module constants do, and which
    function or module of a library a name stands for. What the standard library, installed packages and semphase itself
    do inside ends the search. Raises SemphaseError where a source cannot be read.
    """
    return hash_of(reached(function))


def reached(function: Callable[..., Any]) -> dict[str, str]:
    """What `code_hash` takes the hash of, by the name of each part; raises as it does."""
    reach = _Reach()
    reach.visit(inspect.unwrap(function))
    return reach.seen


def lasting_hash(function: Callable[..., Any], marked: str, packages: tuple[str, ...] = ()) -> str:
    """SHA-256 of what `code_hash` takes in, in a form that may be written down, with `packages` as part of the project.

    It depends neither on how the function's file was imported nor on Python's compiler, and it leaves out the decorator
    that is called with the text `marked`. It is no part of a store key. Raises SemphaseError where a source cannot be read.
    """
    own = inspect.unwrap(function)
    with _viewed(_View(packages, own.__module__, marked)):
        reach = _Reach()
        reach.visit(own)
        reach.follow_captured("test", own)
        return hash_of(reach.seen)


@contextmanager
def _viewed(view: _View) -> Iterator[None]:
    token = _VIEW.set(view)
    try:
        yield
    finally:
        _VIEW.reset(token)


def hash_of(parts: Mapping[str, str]) -> str:
    """SHA-256 of what a function reaches."""
    return hashlib.sha256(repr(sorted(parts.items())).encode()).hexdigest()


def require_plain(function: Callable[..., Any], what: str) -> None:
    """Raise SemphaseError for what is no function, or captures values that no key could name; `what` names its use."""
    own = inspect.unwrap(function) if callable(function) else function
    if not isinstance(own, FunctionType):
        raise SemphaseError(
            f"{what} takes a function and got {function!r}; write it with def at the top of a module and pass values "
            "as arguments."
        )
    if own.__closure__:
        kind = "lambda" if own.__name__ == "<lambda>" else f"function {own.__name__}"
        captured = ", ".join(own.__code__.co_freevars)
        raise SemphaseError(
            f"{what} refuses the {kind}, which captures {captured} from around it, where no key of the store sees it; "
            f"pass {captured} as an argument."
        )


def of_package(function: Callable[..., Any]) -> bool:
    """Is it a function of semphase itself, which its version stands for?"""
    return (inspect.unwrap(function).__module__ or "").partition(".")[0] == PACKAGE


@lru_cache(maxsize=1)
def own_sources() -> str:
    """SHA-256 of semphase's own source files: for what is to be made anew after any change of them."""
    root = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def value_identity(value: Any) -> Any:
    """A value as a key can hold it: numbers and texts as they are, arrays and functions by hash, the rest by parts.

    What has an `identity` or a `sha256` of its own is named by it. Raises SemphaseError for a value that has no such form.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    view = _VIEW.get()
    if view.lasting and _holds_code(value):
        raise SemphaseError(f"{type(value).__name__} holds code, which is followed part by part.")
    if isinstance(identity := getattr(value, "identity", None), str | Mapping):
        return {type(value).__name__: value_identity(identity)}
    if isinstance(sha256 := getattr(value, "sha256", None), str):
        return {type(value).__name__: sha256}
    if is_dataclass(value) and not isinstance(value, type):
        kind, parts = type(value), {part.name: getattr(value, part.name) for part in fields(value)}
        own = {"code": code_hash(kind)} if of_project(kind.__module__) else {}
        return {kind.__name__: value_identity(parts)} | own
    if isinstance(value, Mapping):
        return {str(value_identity(name)): value_identity(part) for name, part in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((value_identity(part) for part in value), key=repr)
    if isinstance(value, list | tuple | range):
        return [value_identity(part) for part in value]
    return _hashed(value)


def _holds_code(value: Any) -> bool:
    """Is it a function, a class, an object made of one, or of a class that counts as the project's?"""
    kind = type(value)
    return (
        inspect.isfunction(value)
        or inspect.isclass(value)
        or inspect.isfunction(getattr(value, "function", None))
        or (is_dataclass(kind) and _VIEW.get().counts(kind.__module__))
    )


def _hashed(value: Any) -> Any:
    if hasattr(value, "detach"):
        # NumPy has no bfloat16; float32 holds its numbers exactly.
        value = value.detach().cpu()
        value = (value.float() if "bfloat16" in str(value.dtype) else value).numpy()
    if hasattr(value, "__array__"):
        return value.item() if getattr(value, "shape", None) == () else _array(value)
    if inspect.isfunction(value):
        require_plain(value, "a store key")
    if inspect.isfunction(value) or inspect.isclass(value):
        return {"code": f"{value.__module__}.{value.__qualname__}" if of_package(value) else code_hash(value)}
    raise SemphaseError(
        f"a value of the type {type(value).__name__} cannot be part of a store key; pass numbers, texts or arrays."
    )


def _array(value: Any) -> dict[str, Any]:
    import numpy as np

    array = np.ascontiguousarray(np.asarray(value))
    data = repr(array.tolist()).encode() if array.dtype.hasobject else array.tobytes()
    return {
        "array": hashlib.sha256(data).hexdigest(),
        "shape": list(array.shape),
        "dtype": str(array.dtype),
        "dims": [str(dim) for dim in getattr(value, "dims", ())],
    } | {name: value_identity(labels) for name, labels in _labels(value)}


def _labels(value: Any) -> Iterator[tuple[str, Any]]:
    """What belongs to an array beside its numbers: a mask, coordinates, names of rows and columns."""
    import numpy as np

    if isinstance(value, np.ma.MaskedArray):
        yield "mask", np.ma.getmaskarray(value)
    if isinstance(coordinates := getattr(value, "coords", None), Mapping):
        yield "coords", {str(name): np.asarray(own) for name, own in coordinates.items()}
    for name in ("index", "columns"):
        if hasattr(labels := getattr(value, name, None), "__array__"):
            yield name, np.asarray(labels)


class _Reach:
    """What a function reaches, by name: sources, values, names of what belongs to libraries."""

    def __init__(self) -> None:
        self.seen: dict[str, str] = {}
        self._opened: set[int] = set()
        self._kept: list[Any] = []  # so that no address is given twice
        self._view = _VIEW.get()

    def visit(self, thing: Any) -> None:
        """Add a function or class of the project, and what it reaches."""
        short = isinstance(thing, FunctionType) and thing.__name__ == "<lambda>"
        lasting = _lambda_source(thing) if short and self._view.lasting else None
        name = self._name(thing) + (lasting.text if lasting else _bytes(thing.__code__) if short else "")
        if name in self.seen:
            return
        names = thing.__globals__ if isinstance(thing, FunctionType) else vars(sys.modules[thing.__module__])
        if lasting:
            self.seen[name], reached = "", dict(_reached(lasting, names))
        elif short:
            # The line that a lambda stands in may hold others, so its compiled code is taken.
            self.seen[name], reached = "", dict(self._used(thing.__code__, names))
        else:
            self.seen[name], reached = _read(thing, names)
        if isinstance(thing, FunctionType):
            reached |= {"defaults": thing.__defaults__, "keyword defaults": thing.__kwdefaults__}
        for called, part in reached.items():
            self._follow(f"{name}:{called}", inspect.unwrap(part) if callable(part) else part)

    def _used(self, code: CodeType, names: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """What compiled code names, and what it may name of the project's modules."""
        used = list(dict.fromkeys(_names(code)))
        reached = [(part, names[part]) for part in used if part in names]
        modules = [own for _, own in reached if isinstance(own, ModuleType) and self._view.counts(own.__name__)]
        yield from reached
        for own in modules:
            yield from ((f"{own.__name__}.{part}", vars(own)[part]) for part in used if part in vars(own))

    def _follow(self, name: str, thing: Any) -> None:
        if isinstance(thing, Named):
            self.seen[name] = thing.__name__
            written(thing, self._view.packages, self.seen)
        elif isinstance(thing, ModuleType):
            self.seen[name] = f"module {self._view.name(thing.__name__)}"
        elif inspect.isfunction(thing) or inspect.isclass(thing):
            self.seen[name] = self._name(thing)
            if self._view.packaged(thing.__module__) and not thing.__qualname__.startswith("<lambda>"):
                written(Named(thing.__module__, thing.__qualname__.partition(".")[0]), self._view.packages, self.seen)
                self.follow_captured(name, thing)
            elif self._view.counts(thing.__module__):
                self.visit(thing)
                self.follow_captured(name, thing)
        elif inspect.isbuiltin(thing) or inspect.ismethoddescriptor(thing):
            self.seen[name] = f"{getattr(thing, '__module__', None)}.{thing.__qualname__}"
        else:
            try:
                self.seen[name] = repr(value_identity(thing))
            except SemphaseError:
                self._open(name, thing)

    def follow_captured(self, name: str, function: Any) -> None:
        """What a function made by another holds of it."""
        cells = getattr(function, "__closure__", None) or ()
        for captured, cell in zip(function.__code__.co_freevars, cells, strict=True) if cells else ():
            if self._new(cell):
                self._follow(f"{name}:{captured}", cell.cell_contents)

    def _open(self, name: str, thing: Any) -> None:
        """Part by part what no key can hold as a whole."""
        if not self._new(thing):
            return
        kind = type(thing)
        self.seen[name] = self._name(kind)
        for part, value in _parts(thing):
            self._follow(f"{name}.{part}", value)
        if self._view.counts(kind.__module__):
            self._follow(f"{name}:class", kind)
        elif not _ADDRESS.search(told := repr(thing)):
            self.seen[name] += told

    def _name(self, thing: Any) -> str:
        return f"{self._view.name(thing.__module__)}.{thing.__qualname__}"

    def _new(self, thing: Any) -> bool:
        if id(thing) in self._opened:
            return False
        self._opened.add(id(thing))
        self._kept.append(thing)
        return True


def _parts(thing: Any) -> Iterator[tuple[str, Any]]:
    """Members of a container, of a partial function, of a module of torch, of an object of the project."""
    if _VIEW.get().lasting and is_dataclass(thing):
        yield from ((own.name, getattr(thing, own.name)) for own in fields(thing) if not own.metadata.get("derived"))
    elif isinstance(thing, Mapping):
        yield from ((repr(name), part) for name, part in thing.items())
    elif isinstance(thing, list | tuple):
        yield from ((str(place), part) for place, part in enumerate(thing))
    elif isinstance(thing, functools.partial):
        yield from (("function", thing.func), ("arguments", thing.args), ("named", thing.keywords))
    elif hasattr(thing, "state_dict"):
        yield from thing.state_dict().items()
    elif of_project(type(thing).__module__):
        yield from getattr(thing, "__dict__", {}).items()


def _names(code: CodeType) -> Iterator[str]:
    """All names that compiled code uses, that of functions inside it too."""
    yield from code.co_names
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield from _names(part)


def _bytes(code: CodeType) -> str:
    parts = [_bytes(part) if isinstance(part, CodeType) else repr(part) for part in code.co_consts]
    return repr((code.co_code.hex(), code.co_names, code.co_varnames, parts))


_SOURCES: WeakKeyDictionary[Any, Source] = WeakKeyDictionary()
"""Those that were read before: many claims reach the same functions."""


def _source(thing: Any) -> Source:
    if thing not in _SOURCES:
        _SOURCES[thing] = Source.of(_bare_tree(thing))
    return _SOURCES[thing]


def _read(thing: Any, names: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The source of a function or class without comments and docstrings, and what its names stand for."""
    marked, methods = _VIEW.get().marked, {}
    source = _source(thing)
    if marked is not None and isinstance(thing, FunctionType):
        if repr(marked) in source.text:
            source = Source.of(_unmarked(_bare_tree(thing), marked, names))
        methods = dict(_methods(thing, source, names))
    return source.text, dict(_reached(source, names)) | methods


def _unmarked(tree: ast.Module, marked: str, names: Mapping[str, Any]) -> ast.Module:
    """Without the decorator of semphase that is called with a text: what it says is frozen elsewhere."""
    for own in tree.body:
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
    ours = home.partition(".")[0] == PACKAGE and not _VIEW.get().packaged(home)
    return ours and any(isinstance(own, ast.Constant) and own.value == text for own in given)


def _methods(function: FunctionType, source: Source, names: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What a method asks of its own object, where its class stands at the top of a module."""
    place, _, _ = function.__qualname__.rpartition(".")
    owner = names.get(place) if place.isidentifier() else None
    for node in source.nodes if inspect.isclass(owner) else ():
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
            found = inspect.getattr_static(owner, node.attr, None)
            if found is not None:
                yield f"self.{node.attr}", getattr(found, "__func__", getattr(found, "fget", found))


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


def _lambda_source(function: FunctionType) -> Source | None:
    """The source of a lambda, also where others stand in its line; None where its place is not known."""
    code = function.__code__
    try:
        tree = ast.parse("".join(linecache.getlines(code.co_filename)))
    except SyntaxError:
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.Lambda) and node.lineno == code.co_firstlineno:
            body = node.body
            if (body.lineno, body.end_lineno, body.col_offset, body.end_col_offset) in code.co_positions():
                return Source.of(node)
    return None


def _reached(source: Source, names: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
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
    if isinstance(module, ModuleType) and _VIEW.get().packaged(module.__name__):
        return Named(module.__name__, node.attr)
    if not isinstance(module, ModuleType) or not _VIEW.get().counts(module.__name__):
        return None
    return getattr(module, node.attr, None)


def _imported(source: Source, names: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The project's functions and modules that a function imports itself."""
    for node in source.nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if _VIEW.get().packaged(alias.name):
                    yield (alias.asname, Named(alias.name)) if alias.asname else (PACKAGE, Named(PACKAGE))
                elif of_project(alias.name):
                    own = importlib.import_module(alias.name)
                    yield (alias.asname, own) if alias.asname else (alias.name.partition(".")[0], _top(alias.name))
        elif isinstance(node, ast.ImportFrom):
            module = importlib.util.resolve_name("." * node.level + (node.module or ""), names.get("__package__"))
            if _VIEW.get().packaged(module):
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


@lru_cache(maxsize=4096)
def of_project(module: str) -> bool:
    """Is it neither semphase nor the standard library nor an installed package?"""
    top = module.partition(".")[0]
    if top == "__main__":
        return True
    if top == PACKAGE or top in sys.stdlib_module_names:
        return False
    place = _place(module)
    return place is not None and not any(place.is_relative_to(folder) for folder in installed())


def _place(module: str) -> Path | None:
    """The file or folder of a module, imported or not; None where it has none."""
    if module in sys.modules:
        found = sys.modules[module]
        places = [getattr(found, "__file__", None), *getattr(found, "__path__", ())]
    else:
        try:
            spec = importlib.util.find_spec(module)
        except ModuleNotFoundError:
            return None
        places = [] if spec is None else [spec.origin, *(spec.submodule_search_locations or ())]
    return next((Path(place).resolve() for place in places if place), None)


@lru_cache(maxsize=1)
def installed() -> tuple[Path, ...]:
    """The folders of installed packages."""
    places = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()}
    return tuple(Path(place).resolve() for place in {*places, site.getusersitepackages()})
