"""What is worked out once for a model and kept as long as the model is."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from semphase.models.model import Model

P = ParamSpec("P")
R = TypeVar("R")


def remembered(function: Callable[Concatenate[Model, P], R]) -> Callable[Concatenate[Model, P], R]:
    """Call `function(model, …)` once for each model and hashable arguments; what it returns must not hold the model.

    An `lru_cache` would keep the weights of the last models in memory after their studies are done.
    """
    kept: WeakKeyDictionary[Any, dict[Hashable, R]] = WeakKeyDictionary()

    @wraps(function)
    def once(model: Model, /, *args: P.args, **kwargs: P.kwargs) -> R:
        reading = (id(model.tokenizer), model.prepend_bos)
        found, key = kept.setdefault(model.module, {}), (reading, args, tuple(sorted(kwargs.items())))
        if key not in found:
            found[key] = function(model, *args, **kwargs)
        return found[key]

    return once
