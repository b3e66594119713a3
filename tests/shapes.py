"""A pytest plugin (`-p shapes`, loaded before the package): shape annotations are checked wherever tests call.

jaxtyping's own option comes too late here, for the package is itself a plugin and already imported by then. Only
annotations with a shape in them are checked, by beartype; the rest is mypy's. Of each function the first calls of every
test are checked: simulations call some a million times. A test that hands over wrong shapes, to see what the package
itself says of them, uses the fixture `wrong_shapes`.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, get_args

import beartype._check.code.codemain as beartype_code
import jaxtyping
import numpy as np
from beartype import BeartypeConf, beartype

PARTS = ("semphase.stats", "semphase.measure", "semphase.models", "semphase.study", "semphase.science")
CHECKED: list[str] = []
"""Functions with a shape that is checked, by module and name."""
FIRST = 20
"""Calls of a function that are checked in each test."""
_calls: Counter[Any] = Counter()
_beartype: Callable[[Any], Any] = beartype(conf=BeartypeConf(is_pep484_tower=True))  # an int will do for a float
# beartype looks at one random item of a list, and the global random state is guarded here.
vars(beartype_code)["getrandbits"] = random.Random(0).getrandbits
_NAMES = {name for name in dir(jaxtyping) if inspect.isclass(getattr(jaxtyping, name))}


def checked(function: Any) -> Any:
    """The type checker that jaxtyping's hook calls for every function of the package."""
    hints = {name: _lenient(hint) for name, hint in function.__annotations__.items() if has_shape(hint, function)}
    function.__annotations__ = hints
    if not hints:
        return function
    CHECKED.append(f"{function.__module__}.{function.__qualname__}")
    return _beartype(function)


def has_shape(hint: Any, function: Any = None) -> bool:
    """Does an annotation hold a shape? TypeError for one that holds a shape and a name that is not there to look up.

    Names under TYPE_CHECKING are not there, and jaxtyping would pass over them in silence.
    """
    if isinstance(hint, str):
        if {node.id for node in ast.walk(ast.parse(hint)) if isinstance(node, ast.Name)} & _NAMES:
            raise TypeError(f"{function.__qualname__}: the shape in {hint!r} cannot be checked; import what it names")
        return False
    return _is_shape(hint) or any(map(has_shape, _inner(hint)))


def _is_shape(hint: Any) -> bool:
    return inspect.isclass(hint) and issubclass(hint, jaxtyping.AbstractArray)


def _inner(hint: Any) -> Iterator[Any]:
    for inner in get_args(hint):
        yield from inner if isinstance(inner, list) else () if isinstance(inner, str) else (inner,)


def _lenient(hint: Any) -> Any:
    """NumPy gives a scalar where an array would have no axes left."""
    axes = hint.dim_str.split() if _is_shape(hint) else [""]
    return hint | np.generic if all(axis.startswith(("*", "...")) for axis in axes) else hint


_strictly = jaxtyping.jaxtyped


def at_first(function: Any = None, *, typechecker: Any) -> Any:
    """What jaxtyping's hook puts around every class and function: its own check at first, and none without a shape."""
    if function is None:
        return functools.partial(at_first, typechecker=typechecker)
    if inspect.isclass(function):
        if dataclasses.is_dataclass(function):
            function.__init__ = at_first(function.__init__, typechecker=typechecker)
        return function
    if _calls[function.__code__] > FIRST:  # defined within another function, again and again
        return function
    found = len(CHECKED)
    strict = _strictly(function, typechecker=typechecker)
    return _counted(function, strict) if len(CHECKED) > found else function


def _counted(function: Any, strict: Any) -> Any:
    code = function.__code__  # the function itself may hold on to what a test expects to be let go

    @functools.wraps(function)
    def call(*given: Any, **named: Any) -> Any:
        __tracebackhide__ = True
        _calls[code] += 1
        return (strict if _calls[code] <= FIRST else function)(*given, **named)

    return call


def pytest_runtest_setup() -> None:
    """Each test has its own first calls."""
    _calls.clear()


vars(jaxtyping)["jaxtyped"] = at_first
jaxtyping.install_import_hook(PARTS, "shapes.checked")
