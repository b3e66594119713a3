"""What a function does, as a hash: its own code and that of the project's functions it calls.

Comments, docstrings and layout do not count. The project of a function is its top-level package, or its folder where
it stands in none. Plain values of the module that it names (numbers, texts, tuples, lists and dictionaries of them,
arrays) count as well; other packages do not, for they are keyed by their versions.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from semphase.errors import SemphaseError

Function = Callable[..., Any]


def code_hash(function: Function) -> str:
    """SHA-256 of the code that runs when `function` is called, as far as it belongs to its project.

    Raises SemphaseError for a function whose source cannot be read (typed into a prompt, say).
    """
    found: dict[str, str] = {}
    _collect(inspect.unwrap(function), found)
    return hashlib.sha256(repr(sorted(found.items())).encode()).hexdigest()


def require_plain(function: Function, what: str) -> None:
    """SemphaseError unless `function` is a function that depends on its arguments alone; `what` names its use."""
    if not isinstance(function, FunctionType):
        raise SemphaseError(
            f"{what} takes a function and got {function!r}; write it with def at the top level of a module."
        )
    captured = function.__code__.co_freevars
    defaults = {name for name, value in _defaults(function) if not _is_plain(value)}
    for name in (*captured, *sorted(defaults)):
        kind = "lambda" if function.__name__ == "<lambda>" else f"function {function.__name__}"
        raise SemphaseError(
            f"{what} refuses the {kind}, which keeps the value of {name} inside, where no key of the store sees it; "
            f"make it a function of the module and pass {name} as an argument."
        )


def _collect(thing: Any, found: dict[str, str]) -> None:
    name = f"{thing.__module__}.{thing.__qualname__}"
    if name in found:
        return
    found[name] = ""  # functions may call each other
    found[name] = _source(thing)
    for function in _functions(thing):
        for called, value in _named(function):
            if isinstance(value, FunctionType | type):
                value = inspect.unwrap(value)
                if _same_project(value, thing):
                    _collect(value, found)
            elif _is_plain(value):
                found[f"{function.__module__}:{called}"] = _plain(value)


def _functions(thing: Any) -> Iterator[FunctionType]:
    """The function itself, or the methods of a class."""
    if isinstance(thing, FunctionType):
        yield thing
        return
    for value in vars(thing).values():
        member = getattr(value, "__func__", None) or getattr(value, "fget", None) or getattr(value, "func", value)
        if isinstance(member, FunctionType) and member.__module__ == thing.__module__:
            yield inspect.unwrap(member)


def _source(thing: Any) -> str:
    if getattr(thing, "__name__", "") == "<lambda>":
        code = thing.__code__
        return repr((code.co_code, code.co_names, [c for c in code.co_consts if not isinstance(c, CodeType)]))
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(thing)))
    except (OSError, TypeError) as problem:
        raise SemphaseError(
            f"the source of {thing.__qualname__} cannot be read, so its results could not be kept; write it in a file."
        ) from problem
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            and ast.get_docstring(node) is not None
        ):
            node.body = node.body[1:] or [ast.Pass()]
    defaults = [] if isinstance(thing, type) else [(name, _plain(value)) for name, value in _defaults(thing)]
    return ast.dump(tree) + repr(defaults)


def _defaults(function: Any) -> Iterator[tuple[str, Any]]:
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.default is not inspect.Parameter.empty:
            yield name, parameter.default


def _named(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """The values of the module's names that a function uses, those behind a module's dot included."""
    names = dict.fromkeys(_names(function.__code__))
    for name in names:
        value = function.__globals__.get(name)
        if isinstance(value, ModuleType):
            inside = {f"{name}.{part}": getattr(value, part, None) for part in names if part != name}
            yield from ((whole, part) for whole, part in inside.items() if isinstance(part, FunctionType | type))
        elif name in function.__globals__:
            yield name, value


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _same_project(one: Any, other: Any) -> bool:
    packages = [thing.__module__.partition(".")[0] for thing in (one, other)]
    if "." in one.__module__ or "." in other.__module__:
        return packages[0] == packages[1]
    return _folder(one) is not None and _folder(one) == _folder(other)


def _folder(thing: Any) -> Path | None:
    try:
        return Path(inspect.getfile(thing)).resolve().parent
    except TypeError:  # built in
        return None


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple | list | frozenset | set):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(_is_plain(name) and _is_plain(part) for name, part in value.items())
    return value is None or isinstance(value, bool | int | float | complex | str | bytes | np.ndarray)


def _plain(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return hashlib.sha256(value.tobytes()).hexdigest() + f"{value.dtype}{value.shape}"
    if isinstance(value, frozenset | set):
        return f"set{sorted(map(_plain, value))}"
    if isinstance(value, tuple | list):
        return f"{type(value).__name__}{[_plain(part) for part in value]}"
    if isinstance(value, dict):
        return f"dict{[(_plain(name), _plain(part)) for name, part in value.items()]}"
    return repr(value)
