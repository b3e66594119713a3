"""Measurements: functions of a model and data, with a version, whose results a study keeps in its store.

    @measurement(version=1)
    def norms(model, prompts, *, layer=0):
        return ...  # an array, a DataArray, a Dataset, or a dict of arrays

    found = study.measured(norms, prompts, layer=3)

No torch here: what is declared with it is imported long before a model is loaded.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from importlib import metadata
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from semphase.code import code_hash, of_package, require_plain, value_identity
from semphase.errors import SemphaseError

P = ParamSpec("P")
R = TypeVar("R")
ADVANCE = "advance"


class Measurement(Generic[P, R]):
    """A function `f(model, data, **parameters)` and its version; called directly, it measures and stores nothing."""

    def __init__(self, function: Callable[P, R], version: int) -> None:
        self.function = function
        self.version = version
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **parameters: P.kwargs) -> R:
        """Measure now, without a store."""
        return self.function(*args, **parameters)

    def __repr__(self) -> str:
        return f"<measurement {self.name}, version {self.version}>"

    @property
    def name(self) -> str:
        """The function's name."""
        return self.function.__name__

    @property
    def takes_advance(self) -> bool:
        """Does it tell how far it is, through a parameter `advance(steps)`?"""
        return ADVANCE in inspect.signature(self.function).parameters

    def bound(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """All parameters but model, data and `advance`, with defaults; SemphaseError for one that it does not take."""
        signature = inspect.signature(self.function)
        told = {ADVANCE: None} if self.takes_advance else {}
        try:
            bound = signature.bind(None, None, **told, **parameters)
        except TypeError as problem:
            raise SemphaseError(
                f"the measurement {self.name}{signature} cannot be called so: {problem}; its first two parameters are "
                "model and data, and the others are given by name."
            ) from problem
        bound.apply_defaults()
        named = dict(list(bound.arguments.items())[2:])
        named.pop(ADVANCE, None)
        rest = [part.name for part in signature.parameters.values() if part.kind is part.VAR_KEYWORD]
        return named | (named.pop(rest[0]) if rest else {})

    def key(self, model: Mapping[str, Any], data: Any, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """What determines the numbers, for a store.

        `model` is the model's identity, `data` that of the data. semphase's own functions are named by module and
        version, all others also by a hash of their code and of the project's functions that they call. Raises
        SemphaseError for functions that capture values and for parameters that no key can hold.
        """
        require_module_level(self.function)
        named = self.bound(parameters)
        own = of_package(self.function)
        return dict(model) | {
            "measurement": self.name,
            "version": self.version,
            "code": self.function.__module__ if own else code_hash(self.function),
            "parameters": value_identity(named),
            "data": data,
            "torch": installed("torch"),
            "transformers": installed("transformers"),
        }


@functools.lru_cache(maxsize=8)
def installed(package: str) -> str:
    """The version of an installed package."""
    return metadata.version(package)


def measurement(
    *, version: int = 1
) -> Callable[[Callable[Concatenate[Any, Any, P], R]], Measurement[Concatenate[Any, Any, P], R]]:
    """Declare a module-level function `f(model, data, **parameters)` as a measurement.

    It returns an array, a DataArray, a Dataset or a dict of arrays. A parameter `advance`, if it has one, is a
    function that takes the number of steps done since its last call. Raise `version` when the numbers change.
    """

    def declare(function: Callable[Concatenate[Any, Any, P], R]) -> Measurement[Concatenate[Any, Any, P], R]:
        return Measurement(function, version)

    return declare


def require_module_level(function: Callable[..., Any]) -> None:
    """Raise SemphaseError for a function that does not stand at the top of a module, or captures values."""
    require_plain(function, "a measurement")
    if "<locals>" in function.__qualname__ or function.__name__ == "<lambda>":
        raise SemphaseError(
            f"the measurement {function.__name__} stands inside another function, so a later run could not find it "
            "again; move it to the top of its module."
        )
