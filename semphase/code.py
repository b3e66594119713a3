"""What a function computes, as a hash: its code and that of the project's functions it calls, comments left out."""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import inspect
import site
import sys
import sysconfig
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import lru_cache
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from semphase.errors import SemphaseError

PACKAGE = "semphase"


def code_hash(function: Callable[..., Any]) -> str:
    """SHA-256 of a function, of the functions and classes of its project that it reaches, and of the constants.

    Comments, docstrings and layout do not count; default arguments and the values of module constants do. The
    standard library, installed packages and semphase itself end the search. Raises SemphaseError where a source
    cannot be read.
    """
    seen: dict[str, str] = {}
    _visit(inspect.unwrap(function), seen)
    return hashlib.sha256(repr(sorted(seen.items())).encode()).hexdigest()


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


def value_identity(value: Any) -> Any:
    """A value as a key can hold it: numbers and texts as they are, arrays and functions by hash, the rest by parts.

    What has an `identity` or a `sha256` of its own is named by it. Raises SemphaseError for a value that has no such form.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(identity := getattr(value, "identity", None), str | Mapping):
        return {type(value).__name__: value_identity(identity)}
    if isinstance(sha256 := getattr(value, "sha256", None), str):
        return {type(value).__name__: sha256}
    if is_dataclass(value) and not isinstance(value, type):
        parts = {part.name: getattr(value, part.name) for part in fields(value)}
        return {type(value).__name__: value_identity(parts)}
    if isinstance(value, Mapping):
        return {str(value_identity(name)): value_identity(part) for name, part in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((value_identity(part) for part in value), key=repr)
    if isinstance(value, list | tuple | range):
        return [value_identity(part) for part in value]
    return _hashed(value)


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
    }


def _visit(thing: Any, seen: dict[str, str]) -> None:
    """Add a function or class of the project to `seen`, and what it reaches."""
    short = isinstance(thing, FunctionType) and thing.__name__ == "<lambda>"
    name = f"{thing.__module__}.{thing.__qualname__}" + (_bytes(thing.__code__) if short else "")
    if name in seen:
        return
    names = thing.__globals__ if isinstance(thing, FunctionType) else vars(sys.modules[thing.__module__])
    if short:
        # The line that a lambda stands in may hold others, so its compiled code is taken.
        seen[name] = ""
        reached = [(part, names[part]) for part in thing.__code__.co_names if part in names]
    else:
        tree = _bare_tree(thing)
        seen[name] = ast.unparse(tree)
        reached = list(_reached(tree, names))
    if isinstance(thing, FunctionType):
        reached += [("defaults", thing.__defaults__), ("keyword defaults", thing.__kwdefaults__)]
    for called, part in reached:
        _follow(f"{name}:{called}", inspect.unwrap(part) if callable(part) else part, seen)


def _follow(name: str, thing: Any, seen: dict[str, str]) -> None:
    if isinstance(thing, ModuleType) or inspect.isbuiltin(thing):
        return
    if inspect.isfunction(thing) or inspect.isclass(thing):
        if _of_project(thing.__module__):
            _visit(thing, seen)
        return
    try:
        seen[name] = repr(value_identity(thing))
    except SemphaseError:
        # An object without a value of its own (a logger, a generator): its class says what can be said.
        kind = type(thing)
        seen[name] = f"{kind.__module__}.{kind.__qualname__}"
        _follow(name, kind, seen)


def _bytes(code: CodeType) -> str:
    parts = [_bytes(part) if isinstance(part, CodeType) else repr(part) for part in code.co_consts]
    return repr((code.co_code.hex(), code.co_names, code.co_varnames, parts))


def _bare_tree(thing: Any) -> ast.Module:
    """The source as a tree without docstrings; comments are gone with it."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(thing)))
    except (OSError, TypeError, SyntaxError) as problem:
        raise SemphaseError(
            f"the source of {thing.__qualname__} cannot be read, so its numbers could not be told from those of "
            "another version; write it in a file."
        ) from problem
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


def _reached(tree: ast.Module, names: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What the names in a tree stand for: globals, attributes of modules, and what is imported inside."""
    names = dict(names) | dict(_imported(tree, names))
    for node in ast.walk(tree):
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
    if not isinstance(module, ModuleType) or not _of_project(module.__name__):
        return None
    return getattr(module, node.attr, None)


def _imported(tree: ast.Module, names: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The project's functions and modules that a function imports itself."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if _of_project(alias.name):
                    module = importlib.import_module(alias.name)
                    yield (alias.asname, module) if alias.asname else (alias.name.partition(".")[0], _top(alias.name))
        elif isinstance(node, ast.ImportFrom):
            source = importlib.util.resolve_name("." * node.level + (node.module or ""), names.get("__package__"))
            if _of_project(source):
                for alias in node.names:
                    yield alias.asname or alias.name, getattr(importlib.import_module(source), alias.name, None)


def _top(module: str) -> ModuleType:
    return sys.modules[module.partition(".")[0]]


@lru_cache(maxsize=4096)
def _of_project(module: str) -> bool:
    """Is it neither semphase nor the standard library nor an installed package?"""
    top = module.partition(".")[0]
    if top == "__main__":
        return True
    if top == PACKAGE or top in sys.stdlib_module_names:
        return False
    place = _place(module)
    return place is not None and not any(place.is_relative_to(installed) for installed in _installed())


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
def _installed() -> tuple[Path, ...]:
    places = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()}
    return tuple(Path(place).resolve() for place in {*places, site.getusersitepackages()})
