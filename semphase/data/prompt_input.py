"""What is given for a set of prompts, checked and in the form in which it is kept."""

from __future__ import annotations

import keyword
import operator
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np

from semphase.errors import SemphaseError

Value = str | int | float | bool
At = Literal["end"] | tuple[str, ...] | tuple[int, ...]
DIMENSIONS = (
    "prompt", "layer", "position", "head", "query", "key", "d", "length", "vocabulary", "token", "block", "label",
)  # fmt: skip
"""Names of axes and coordinates of what is measured; no label may have one."""


def require_name(name: Any) -> None:
    """A set has a name."""
    if not isinstance(name, str) or not name.strip():
        raise SemphaseError(f"a set of prompts needs a name, a text that is not empty, and got {name!r}.")


def texts_of(name: str, texts: Any) -> tuple[str, ...]:
    """Texts that are not empty, at least one."""
    found = (texts,) if isinstance(texts, str) else tuple(texts)
    if not found:
        raise SemphaseError(f"the prompts {name!r} are none; give at least one text.")
    for number, text in enumerate(found):
        if not isinstance(text, str) or not text.strip():
            raise SemphaseError(f"prompt {number} of {name!r} is {text!r}; give texts that are not empty.")
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            raise SemphaseError(
                f"prompt {number} of {name!r} holds half a letter: {text!r}; give text that is Unicode."
            )
    return tuple(str(text) for text in found)


def ids_of(name: str, ids: Any) -> tuple[tuple[int, ...], ...]:
    """Token ids [prompt][token] from lists, arrays or tensors; at least one token in each prompt."""
    try:
        found = tuple(tuple(operator.index(token) for token in own) for own in _plain(ids))
    except (TypeError, ValueError) as problem:
        raise SemphaseError(
            f"the prompts {name!r} are no token ids ({problem}); give integers [prompt][token]."
        ) from problem
    empty = [number for number, own in enumerate(found) if not own or min(own) < 0]
    if not found or empty:
        what = (
            f"prompt {empty[0]} of {name!r} is {list(found[empty[0]])}" if empty else f"the prompts {name!r} are none"
        )
        raise SemphaseError(f"{what}; give at least one token id from 0 to each prompt.")
    return found


def _plain(ids: Any) -> Any:
    """Arrays and tensors as lists."""
    return ids.tolist() if hasattr(ids, "tolist") else ids


def at_of(name: str, at: Any, prompts: tuple[Any, ...]) -> At:
    """The position that is read: "end", or a word or an integer for each prompt; one alone is for all."""
    if isinstance(at, str) and at == "end":
        return "end"
    single = isinstance(at, str | int | np.integer)
    if not single and not isinstance(_plain(at), Iterable):
        raise SemphaseError(
            f'the prompts {name!r} have at={at!r}; give "end", or a word or an integer for each prompt.'
        )
    found = tuple(_plain(at)) if not single else (_plain(at),) * len(prompts)
    if len(found) != len(prompts):
        raise SemphaseError(
            f"the prompts {name!r} are {len(prompts)} and at= has {len(found)} entries; give one for each."
        )
    texts = all(isinstance(prompt, str) for prompt in prompts)
    if texts and all(isinstance(one, str) for one in found):
        return _words(name, found, prompts)
    if all(isinstance(one, int) and not isinstance(one, bool) for one in found):
        return found
    kinds = '"end", words or integers' if texts else '"end" or integers'
    raise SemphaseError(f"at= of the prompts {name!r} is {at!r}; give {kinds}.")


def _words(name: str, words: tuple[str, ...], texts: tuple[str, ...]) -> tuple[str, ...]:
    for word, text in zip(words, texts, strict=True):
        if start_of(word, text) < 0:
            raise SemphaseError(
                f"the word {word!r} does not stand in the prompt {text!r} of {name!r}; correct one of them."
            )
    return tuple(str(word) for word in words)


def start_of(word: str, text: str) -> int:
    """The character at which the last occurrence of a word, not as a part of another, begins; −1 where there is none."""
    start = text.rfind(word) if word else -1
    while start >= 0:
        around = text[max(0, start - 1) : start], text[start + len(word) : start + len(word) + 1]
        if not any(character.isalnum() or character == "_" for character in around if character):
            return start
        start = text.rfind(word, 0, start + len(word) - 1)
    return -1


def labels_of(
    name: str, labels: Mapping[str, Any], count: int, taken: frozenset[str]
) -> tuple[tuple[str, tuple[Value, ...]], ...]:
    """Labels with one value for each prompt, all of one kind; `taken` are names that no label may have."""
    return tuple((label, _values(name, label, values, count, taken)) for label, values in labels.items())


def _values(name: str, label: str, values: Any, count: int, taken: frozenset[str]) -> tuple[Value, ...]:
    if (
        label in taken
        or label in DIMENSIONS
        or not label.isidentifier()
        or keyword.iskeyword(label)
        or label.startswith("_")
    ):
        raise SemphaseError(f"{label!r} cannot be a label of the prompts {name!r}; choose another name.")
    if isinstance(values, str) or not hasattr(_plain(values), "__iter__"):
        raise SemphaseError(f"the label {label!r} of {name!r} is {values!r}; give one value for each prompt.")
    found = tuple(_plain(values))
    if len(found) != count:
        raise SemphaseError(
            f"the label {label!r} of {name!r} has {len(found)} values for {count} prompts; give one for each."
        )
    found = tuple(value.item() if isinstance(value, np.generic) else value for value in found)
    kinds = {str if isinstance(value, str) else bool if isinstance(value, bool) else float for value in found}
    if not all(isinstance(value, str | bool | int | float) for value in found) or len(kinds) > 1:
        raise SemphaseError(
            f"the label {label!r} of {name!r} mixes or has other values than texts, numbers and truth values."
        )
    return found
