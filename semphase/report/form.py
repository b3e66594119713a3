"""Is what was read of the form that TypedDicts declare? The first misfit is told by its key."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

LARGEST = sys.float_info.max
DEEPEST = 100
_WORDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false", NoneType: "null"}


def misfits(value: Any, form: Any, place: str, absent: frozenset[str] = frozenset()) -> Iterator[str]:
    """What is not as the form says, in a few words with its place.

    Keys that a form does not name may be there; those of `absent` may be missing.
    """
    if form is Any:
        if _deeper(value, DEEPEST):
            yield f"{place} is nested deeper than {DEEPEST} levels"
    elif is_typeddict(form):
        yield from _in_keys(value, form, place, absent)
    elif get_origin(form) in (Union, UnionType):
        yield from _in_one_of(value, get_args(form), place, absent)
    elif get_origin(form) is Literal:
        if not any(type(value) is type(one) and value == one for one in get_args(form)):
            yield f"{place} is {_short(value)}, not one of {', '.join(map(str, get_args(form)))}"
    elif get_origin(form) is list:
        yield from _in_items(value, list, form, place, absent)
    elif get_origin(form) is dict:
        yield from _in_items(value, dict, form, place, absent)
    elif not _is(value, form):
        yield f"{place} is {_short(value)}, not {_WORDS[form]}"


@cache
def keys_of(form: Any) -> dict[str, tuple[Any, bool]]:
    """The form of each key, and whether it has to be there; where annotations are texts a TypedDict cannot tell itself."""
    hints = get_type_hints(form, include_extras=True)
    optional = {key: get_origin(hint) is NotRequired for key, hint in hints.items()}
    return {
        key: (get_args(hint)[0] if optional[key] else hint, form.__total__ and not optional[key])
        for key, hint in hints.items()
    }


def _in_keys(value: Any, form: Any, place: str, absent: frozenset[str]) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{place} is {_short(value)}, not an object with keys"
        return
    keys = keys_of(form)
    missing = sorted(key for key, (_, needed) in keys.items() if needed and key not in value and key not in absent)
    if missing:
        yield f"{place} lacks {', '.join(missing)}"
    for key, (hint, _) in keys.items():
        if key in value:
            yield from misfits(value[key], hint, f"{place}.{key}", absent)


def _in_items(
    value: Any, kind: type[list[Any] | dict[str, Any]], form: Any, place: str, absent: frozenset[str]
) -> Iterator[str]:
    if not isinstance(value, kind):
        yield f"{place} is {_short(value)}, not {'a list' if kind is list else 'an object with keys'}"
        return
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield from misfits(item, get_args(form)[-1], f"{place}[{_short(key)}]", absent)


def _in_one_of(value: Any, forms: tuple[Any, ...], place: str, absent: frozenset[str]) -> Iterator[str]:
    found = [list(misfits(value, own, place, absent)) for own in forms]
    if all(found):
        # Of an object, what is wrong in it says more than that it is no null.
        inner = [
            own for own, form in zip(found, forms, strict=True) if not _is_plain(form) and _fits_outside(value, form)
        ]
        yield from inner[0] if inner else [f"{place} is {_short(value)}, not {_named(forms)}"]


def _fits_outside(value: Any, form: Any) -> bool:
    return isinstance(value, dict if is_typeddict(form) else get_origin(form) or object)


def _is_plain(form: Any) -> bool:
    return form in _WORDS or get_origin(form) is Literal


def _is(value: Any, form: type) -> bool:
    if form in (int, float):
        whole = isinstance(value, int) or (form is float and isinstance(value, float))
        return whole and not isinstance(value, bool) and -LARGEST <= value <= LARGEST
    return isinstance(value, form)


def _deeper(value: Any, levels: int) -> bool:
    """Is anything nested so deep? Looked up level by level, for it may be too deep to be walked down."""
    level = [value]
    for _ in range(levels):
        level = [part for own in level for part in _inside(own)]
        if not level:
            return False
    return True


def _inside(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _named(forms: tuple[Any, ...]) -> str:
    return " or ".join(
        _WORDS.get(own, "an object" if is_typeddict(own) else str(get_origin(own) or own)) for own in forms
    )


def _short(value: Any) -> str:
    told = repr(value) if not isinstance(value, dict | list) else "an object" if isinstance(value, dict) else "a list"
    return told if len(told) <= 40 else f"{told[:39]}…"
