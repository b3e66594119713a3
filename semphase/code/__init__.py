"""What a function computes, as a hash: its code and that of the project's functions it calls, comments left out."""

from __future__ import annotations

import functools
import hashlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import FunctionType
from typing import Any

from semphase.code.places import PACKAGE, of_project
from semphase.code.reach import Reach
from semphase.code.surroundings import surround
from semphase.code.view import VIEW, View, viewed
from semphase.errors import SemphaseError

DERIVED = {"derived": True}
"""Metadata of a dataclass's field that says in other words what its other fields say."""


def code_hash(function: Callable[..., Any]) -> str:
    """SHA-256 of a function, of the functions and classes of its project that it reaches, and of the constants.

    Comments, docstrings and layout do not count; default arguments and the values of module constants do, and which
    function or module of a library a name stands for. What the standard library, installed packages and semphase itself
    do inside ends the search. Raises SemphaseError where a source cannot be read.
    """
    return hash_of(reached(function))


def reached(function: Callable[..., Any]) -> dict[str, str]:
    """What `code_hash` takes the hash of, by the name of each part; raises as it does."""
    reach = Reach(_value_of_reach)
    own = inspect.unwrap(function)
    if isinstance(own, FunctionType | type) and not (own.__module__ and of_project(own.__module__)):
        reach.visit(own)
    else:
        reach.enter(function)
    return reach.seen


def lasting_hash(thing: Any, marked: str, packages: tuple[str, ...] = ()) -> str:
    """SHA-256 of what `code_hash` takes in, in a form that may be written down, with `packages` as part of the project.

    It depends neither on how and from where the file was imported nor on Python's compiler, and it leaves out the
    decorator that is called with the text `marked`. It is no part of a store key. Raises SemphaseError where a source
    cannot be read.
    """
    own = inspect.unwrap(thing) if callable(thing) else thing
    home = own.func if isinstance(own, functools.partial) else own
    with viewed(View(packages, getattr(home, "__module__", "") or "", marked)):
        reach = Reach(_value_of_reach)
        reach.enter(thing)
        return hash_of(reach.seen)


def claim_hash(test: Callable[..., Any], marked: str, packages: tuple[str, ...] = ()) -> str:
    """The lasting hash of a test, with what pytest brings to it: fixtures, setups, the conftest file beside it."""
    own = inspect.unwrap(test)
    with viewed(View(packages, own.__module__, marked)):
        reach = Reach(_value_of_reach)
        module = reach.enter_test(test)
        if module is not None:
            surround(reach, module, own.__code__.co_qualname)
        return hash_of(reach.seen)


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
    root = Path(__file__).parents[1]
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
    view = VIEW.get()
    if (view.lasting and _holds_code(value)) or (view.searching and _is_of_project(value)):
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


def _value_of_reach(value: Any) -> Any:
    """The same inside a search, which looks at the project's functions and objects part by part, and itself."""
    with viewed(replace(VIEW.get(), searching=True)):
        return value_identity(value)


def _holds_code(value: Any) -> bool:
    """Is it a function, a class, an object made of one, or of a class that counts as the project's?"""
    kind = type(value)
    return (
        inspect.isfunction(value)
        or inspect.isclass(value)
        or inspect.isfunction(getattr(value, "function", None))
        or (is_dataclass(kind) and VIEW.get().counts(kind.__module__))
    )


def _is_of_project(value: Any) -> bool:
    """Is it a function, a class or a dataclass's object of the project?"""
    if inspect.isfunction(value) or inspect.isclass(value):
        return of_project(value.__module__)
    return is_dataclass(value) and of_project(type(value).__module__)


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
