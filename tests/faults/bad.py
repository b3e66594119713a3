"""Inputs that are wrong, made of good ones by a seeded mutation: lexicons, prompts, texts, settings, models."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from faults.bad_models import MODELS, Change

from semphase.models import fixture


@dataclass(frozen=True)
class Bad:
    """One input: what was done to it, the options and the environment that lead a run to it.

    `must` says that no run can use it; one that need not be refused must give what the good one gives.
    """

    kind: str
    what: str
    options: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    must: bool = True


def _text(change: Callable[[str, random.Random], str]) -> Change:
    return lambda content, draw: change(content.decode(), draw).encode()


def _line(content: str, draw: random.Random, starts: str) -> tuple[list[str], int]:
    lines = content.splitlines(keepends=True)
    places = [place for place, line in enumerate(lines) if line.startswith(starts)]
    return lines, draw.choice(places)


def _without(starts: str) -> Change:
    def change(content: str, draw: random.Random) -> str:
        lines, place = _line(content, draw, starts)
        return "".join(lines[:place] + lines[place + 1 :])

    return _text(change)


def _instead(starts: str, *others: str) -> Change:
    def change(content: str, draw: random.Random) -> str:
        lines, place = _line(content, draw, starts)
        lines[place] = draw.choice(others) + "\n"
        return "".join(lines)

    return _text(change)


BINARY: dict[str, Change] = {
    "binary": lambda _, draw: draw.randbytes(400) + b"\xff\xfe\x80",
    "UTF-16": lambda content, _: content.decode().encode("utf-16"),
    "Latin-1": lambda content, _: "# caf\u00e9\n".encode("latin-1") + content,
    "NUL bytes": lambda content, draw: content[: draw.randrange(20, 60)] + b"\0\0\0" + content[60:],
    "empty": lambda *_: b"",
    "white space": lambda *_: b"  \n\n\t",
}
CHANGES: dict[str, dict[str, Change]] = {
    "lexicon": {
        **BINARY,
        "cut": lambda content, draw: content[: draw.randrange(30, len(content) - 30)].rstrip(b'"],\n') + b' "',
        "a key less": _without("sense_a"),
        "a key more": _instead("sense_a", 'sense_a = "x"\nsense_q = "y"'),
        "a name that is none": _instead("sense_b", "sense_b = 7", "sense_b = nan", 'sense_b = ""', "sense_b = []"),
        "no list": _instead("direction_a", "direction_a = 3", "direction_a = {}", "direction_a = []\nx = ["),
        "no words": lambda *_: b'[[word]]\n',
        "words that are no tables": lambda *_: b'word = ["bank", "spring"]\n',
        "a word twice": lambda content, _: content + content[content.index(b"[[word]]") :],
        "other quotes": _text(lambda content, _: content.replace('"', "\u201c")),
        "another word": _instead("word", 'word = "nowhere"', 'word = "  "', f'word = "{"x" * 5000}"', "word = 1e400"),
        "no table": lambda *_: b"just a text\n",
        "huge number": lambda *_: b"word = 1" + b"0" * 5000,
        "deep": lambda *_: b"word = " + b"[" * 3000 + b"]" * 3000,
    },
    "prompts": {
        **BINARY,
        "no name": _without("name"),
        "a name that is none": _instead("name", "name = 3", "name = nan", "name = []", 'name = ""'),
        "no texts": _without("texts"),
        "no list": _instead("texts", "texts = 3", 'texts = "one"', "texts = {}", "texts = []", "texts = [1]"),
        "both": lambda content, _: content + b"ids = [[1, 2]]\n",
        "a position that is none": lambda content, draw: content + draw.choice(AT),
        "labels of another number": lambda content, _: content + b'[labels]\nright = ["a"]\n',
        "tokens that there are not": lambda *_: b'name = "own"\nids = [[1, 99999999], [3, -4]]\n',
        "token nan": lambda *_: b'name = "own"\nids = [[1.5, nan]]\n',
        "cut": lambda content, draw: content[: draw.randrange(18, len(content) - 3)] + b'"',
        "other quotes": _text(lambda content, _: content.replace('"', "\u201c")),
        "longer than the model": lambda *_: b'name = "own"\ntexts = ["' + b"the bank " * 5000 + b'"]\n',
        "deep": lambda *_: b"texts = " + b"[" * 3000 + b"]" * 3000,
    },
    "corpus": {
        **{name: change for name, change in BINARY.items() if name != "NUL bytes"},
        "too short": lambda content, draw: content[: draw.randrange(1, 60)],
        "another language": _text(lambda _, draw: "".join(chr(draw.randrange(0x4E00, 0x9FFF)) for _ in range(4000))),
        "one word": lambda *_: b"bank",
    },
}  # fmt: skip
HARMLESS: dict[str, Change] = {
    "BOM": lambda content, _: b"\xef\xbb\xbf" + content,
    "CRLF": lambda content, _: content.replace(b"\n", b"\r\n"),
}
AT = (b"at = 1e9\n", b"at = 99999\n", b"at = -99\n", b"at = nan\n", b"at = []\n")
PROMPTS = b'name = "own"\ntexts = ["anna saw the boat", "the bank", "anna took the boat"]\n'
SUFFIX = {"lexicon": ".toml", "prompts": ".toml", "corpus": ".txt"}
OPTION = {"lexicon": "--lexicon", "prompts": "--prompts", "corpus": "--corpus"}
SETTINGS: tuple[str, ...] = (
    "--seed=nan",
    "--seed=-1",
    "--seed=1e3",
    f"--seed={10**20}",
    "--seed=",
    "--memory=0",
    "--memory=-4GiB",
    "--memory=lots",
    "--dtype=int8",
    "--dtype=",
    "--budget=",
    "--budget=QUICK",
    "--device=gpu0",
    "--device=cuda:99",
    "--device=",
    "--model=",
    "--model=base=",
    "--model=no/such/model/here",
    "--model=tiny=x",
    "--claims=zzz*",
    "--out=test_it.py",
    "--out=.",
    "--store=test_it.py",
    "--store=test_it.py/below",
    "--corpus=",
    "--corpus=nowhere.txt",
    "--lexicon=nowhere.toml",
    "--prompts=nowhere.toml",
    "--corpus=.",
    "--lexicon=.",
    "--prompts=.",
    "--out=/dev/null",
    "--store=/dev/null",
    "--model=/dev/null",
    "--corpus=/dev/full",
    "--universes=maybe",
    "--no-such-option",
    "--model=a\tb",
    "--model=" + "x" * 5000,
)


def inputs(count: int, seed: int, folder: Path) -> Iterator[Bad]:
    """So many wrong inputs below a folder, of each kind in turn; harmless ones come in between, beyond the number."""
    kinds = ("lexicon", "prompts", "corpus", "settings", "model", "lexicon", "settings", "model")
    draw, made = random.Random(seed), 0
    decks: dict[str, list[str]] = {}
    while made < count:
        kind = kinds[made % len(kinds)]
        place = folder / f"{made}"
        place.mkdir()
        if made % 20 == 7:
            yield _harmless(draw.choice(list(OPTION)), place, draw)
        made += 1
        if kind == "settings":
            option = _next(kind, list(SETTINGS), draw, decks)
            yield Bad(kind, option[:60], (option,))
        elif kind == "model":
            yield _model(place, draw, decks)
        else:
            yield _data(kind, place, draw, decks)


def _next(name: str, cards: list[str], draw: random.Random, decks: dict[str, list[str]]) -> str:
    """Each once before any comes again."""
    if not decks.get(name):
        decks[name] = draw.sample(cards, len(cards))
    return decks[name].pop()


def good(kind: str) -> bytes:
    """A good input of a kind."""
    if kind == "prompts":
        return PROMPTS
    if kind == "lexicon":
        return fixture("lexicon/grammar.toml").read_bytes()
    return ("anna saw the boat and the bank near the shelf , so ben took the card to the house .\n" * 400).encode()


def _harmless(kind: str, place: Path, draw: random.Random) -> Bad:
    name = draw.choice(list(HARMLESS))
    path = place / f"own{SUFFIX[kind]}"
    path.write_bytes(HARMLESS[name](good(kind), draw))
    return Bad(kind, name, (f"{OPTION[kind]}={path}",), must=False)


def _data(kind: str, place: Path, draw: random.Random, decks: dict[str, list[str]]) -> Bad:
    path = place / f"own{SUFFIX[kind]}"
    what = _next(kind, [*CHANGES[kind], "a folder", "a loop of links", "a pipe's name"], draw, decks)
    if what == "a folder":
        path.mkdir()
    elif what == "a loop of links":
        path.symlink_to(path)
    elif what == "a pipe's name":
        path = place / "own.toml.gz"
        path.write_bytes(b"\x1f\x8b\x08" + draw.randbytes(60))
    else:
        path.write_bytes(CHANGES[kind][what](good(kind), draw))
    return Bad(kind, what, (f"{OPTION[kind]}={path}",))


def _model(place: Path, draw: random.Random, decks: dict[str, list[str]]) -> Bad:
    what = _next("model", list(MODELS), draw, decks)
    folder = place / "model"
    shutil.copytree(fixture("tiny-short"), folder)
    MODELS[what](folder, draw)
    return Bad("model", what, (f"--model={folder}",))
