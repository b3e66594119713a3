"""Reading and writing lexicon files: TOML or JSON, one `word` table for each ambiguous word."""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import tomlkit
import tomlkit.items

from semphase.data.lexicon.words import DIRECTIONS, GRADIENTS, LEAST_DIRECTIONS, STEPS, Lexicon, Word
from semphase.errors import SemphaseError
from semphase.files import read_utf8

_NAMES = ("word", "sense_a", "sense_b")
_KEYS = tuple(field.name for field in fields(Word))


def load(path: Path) -> Lexicon:
    """Read a lexicon; raises `SemphaseError` naming the word and the prompt that break the form."""
    try:
        text = read_utf8(path)
    except (OSError, UnicodeDecodeError) as problem:
        raise SemphaseError(f"lexicon {path} cannot be read ({problem}); give a UTF-8 file.") from problem
    try:
        data = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (ValueError, RecursionError) as problem:  # of numbers too long and of brackets too deep, too
        form = path.suffix.lstrip(".") or "TOML"
        raise SemphaseError(f"lexicon {path} is not valid {form}: {problem}.") from problem
    tables = data.get("word") if isinstance(data, Mapping) else None
    if not isinstance(tables, list) or not tables:
        raise SemphaseError(f"lexicon {path} has no [[word]] tables; give at least one ambiguous word.")
    return _lexicon([_word(table, path, number) for number, table in enumerate(tables, 1)], path)


def merge(lexicons: Sequence[Lexicon]) -> Lexicon:
    """One lexicon of all words; a word in two of them is an error."""
    return _lexicon([word for lexicon in lexicons for word in lexicon.words], "the lexicons together")


def dump(lexicon: Lexicon) -> str:
    """The lexicon as TOML text that `load` reads back unchanged."""
    document = tomlkit.document()
    document["word"] = tables = tomlkit.aot()
    for word in lexicon.words:
        tables.append(tomlkit.item({key: _value(value) for key, value in asdict(word).items()}))
    return tomlkit.dumps(document)


def _lexicon(words: list[Word], where: object) -> Lexicon:
    repeated = [word for word, count in Counter(word.word for word in words).items() if count > 1]
    if repeated:
        raise SemphaseError(f"lexicon {where} has the word {repeated[0]!r} twice; keep one table for each word.")
    return Lexicon(tuple(words))


def _word(table: object, path: Path, number: int) -> Word:
    if not isinstance(table, Mapping):
        raise SemphaseError(f"lexicon {path}: entry {number} is not a table of keys and prompts.")
    label = repr(table["word"]) if "word" in table else f"number {number}"
    missing = [key for key in _KEYS if key not in table]
    if missing:
        keys = ", ".join(_KEYS)
        raise SemphaseError(f"lexicon {path}: word {label} lacks the key {missing[0]!r}; add it (keys: {keys}).")
    unknown = sorted(set(table) - set(_KEYS))
    if unknown:
        raise SemphaseError(f"lexicon {path}: word {label} has an unknown key {unknown[0]!r}; remove or rename it.")
    values: dict[str, Any] = {key: _name(table[key], key, label, path) for key in _NAMES}
    for key in _KEYS:
        if key not in _NAMES:
            values[key] = _prompts(table[key], key, values["word"], path)
    return Word(**values)


def _name(value: object, key: str, label: str, path: Path) -> str:
    if not isinstance(value, str) or not value.strip():
        raise SemphaseError(f"lexicon {path}: {key!r} of word {label} must be a text that is not empty.")
    return value


def _prompts(value: Any, key: str, word: str, path: Path) -> tuple[str, ...]:
    prompts, where = [value] if isinstance(value, str) else value, f"lexicon {path}: {key!r} of word {word!r}"
    if not isinstance(prompts, list) or not prompts or not all(isinstance(prompt, str) for prompt in prompts):
        raise SemphaseError(f"{where} must be a sentence or a list of sentences.")
    if key in GRADIENTS and len(prompts) != STEPS:
        raise SemphaseError(f"{where} needs {STEPS} sentences, weak to strong, and has {len(prompts)}.")
    if key in DIRECTIONS and len(prompts) < LEAST_DIRECTIONS:
        raise SemphaseError(f"{where} needs at least {LEAST_DIRECTIONS} sentences and has {len(prompts)}.")
    for prompt in prompts:
        _check_ending(prompt, word, key, path)
    return tuple(prompts)


def _check_ending(prompt: str, word: str, key: str, path: Path) -> None:
    if re.search(rf"(?<!\w){re.escape(word)}\Z", prompt):
        return
    if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", prompt):
        raise SemphaseError(
            f"lexicon {path}: in {key!r} of word {word!r} the word is not last in {prompt!r}; "
            "end the sentence with it, since a decoder cannot look ahead."
        )
    raise SemphaseError(f"lexicon {path}: {key!r} of word {word!r} has a sentence without the word: {prompt!r}.")


def _value(value: str | tuple[str, ...]) -> tomlkit.items.Item:
    """One text as it is, several a line each."""
    written = tomlkit.item(value)
    return written.multiline(True) if isinstance(written, tomlkit.items.Array) else written
