"""Texts to read: WikiText-2, UltraChat, text files, the tiny models' language, the English of Python's manual."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semphase.data.corpus.grammar import sample_text
from semphase.data.corpus.written_once import written_once
from semphase.errors import SemphaseError
from semphase.files import place, read_utf8

SOURCES: dict[str, Callable[[], str]] = {}
"""What makes the text of each corpus, by its name."""
TINY_MODELS = ("tiny-short", "tiny", "tiny-deep")
GRAMMAR_SEED = 2  # the tiny models were trained on text of seed 1
GRAMMAR_TOKENS = 300_000

_WIKITEXT_FILE = "wikitext-2-raw-v1/test-00000-of-00001.parquet"
_ULTRACHAT_FILES = "data/test_sft-*.parquet"
_ULTRACHAT_DIALOGUES = 2_000  # about two million tokens, three times what the largest claim reads
_INSTEAD = "--corpus PATH with a text file, or --corpus pydoc"
_FEWEST_WORDS = 8
_PROSE = 0.9  # least share of letters, spaces and plain punctuation in a paragraph of prose
_MARKS = re.compile(r"[*`\"]")
_WRAPPED = re.compile(r"(?<=\w)-\s*\n\s*(?=\w)")
_PLAIN = re.compile(r"[A-Za-z ,.;:'’“”()-]")


@dataclass(frozen=True, slots=True)
class Corpus:
    """A text with the name to report and the SHA-256 of its UTF-8 bytes."""

    name: str
    text: str
    sha256: str


def load(name_or_path: str) -> Corpus:
    """A corpus by name, or from a UTF-8 text file.

    SOURCES has the names. SemphaseError, in one sentence, for what cannot be read or had.
    """
    if name_or_path in SOURCES:
        return _corpus(name_or_path, SOURCES[name_or_path]())
    return _from_file(place(name_or_path))


def default_corpus(model: str) -> tuple[Corpus, str | None]:
    """The corpus that suits a model by name, and a notice for the user where it is second choice.

    The tiny models read their own language; others read WikiText-2, or pydoc where that cannot be had.
    """
    if model in TINY_MODELS:
        return load("grammar"), None
    try:
        return load("wikitext-2"), None
    except SemphaseError as error:
        return load("pydoc"), f"reading pydoc instead of wikitext-2: {error}"


def require_tokens(corpus: Corpus, have: int, need: int) -> None:
    """SemphaseError if a corpus has fewer tokens than a measurement needs."""
    if have < need:
        raise SemphaseError(f"the corpus {corpus.name} has {have} tokens but {need} are needed; give a longer --corpus")


def _corpus(name: str, text: str) -> Corpus:
    return Corpus(name, text, hashlib.sha256(text.encode()).hexdigest())


def _from_file(path: Path) -> Corpus:
    try:
        text = read_utf8(path)
    except FileNotFoundError:
        known = ", ".join(SOURCES)
        raise SemphaseError(f"there is no corpus {str(path)!r}: choose {known} or a text file") from None
    except UnicodeDecodeError:
        raise SemphaseError(f"the corpus {path} is not UTF-8 text; convert it first") from None
    except OSError as error:
        raise SemphaseError(f"the corpus {path} cannot be read ({error.strerror})") from None
    if not text.strip():
        raise SemphaseError(f"the corpus {path} is empty; give a file with text")
    return _corpus(path.name, text)


def source(name: str) -> Callable[[Callable[[], str]], Callable[[], str]]:
    """Declare the function below it as the maker of the corpus of this name."""

    def declare(make: Callable[[], str]) -> Callable[[], str]:
        SOURCES[name] = make
        return make

    return declare


@source("wikitext-2")
def _wikitext() -> str:
    """The test split of the raw WikiText-2 (Merity et al. 2016), articles in order."""
    from semphase.hub import Wanted, fetch

    wanted = Wanted(
        ids=("Salesforce/wikitext",),
        patterns=(_WIKITEXT_FILE,),
        whole=lambda folder: (folder / _WIKITEXT_FILE).exists(),
        instead=_INSTEAD,
        kind="dataset",
    )
    rows = _rows([fetch(wanted) / _WIKITEXT_FILE], "text")
    return "\n\n".join(rows["text"])


@source("ultrachat")
def _ultrachat() -> str:
    """The first 2,000 dialogues of the test split of UltraChat 200k (Ding et al. 2023)."""
    from semphase.hub import Wanted, fetch

    wanted = Wanted(
        ids=("HuggingFaceH4/ultrachat_200k",),
        patterns=(_ULTRACHAT_FILES,),
        whole=lambda folder: any(folder.glob(_ULTRACHAT_FILES)),
        instead=_INSTEAD,
        kind="dataset",
    )
    files = sorted(fetch(wanted).glob(_ULTRACHAT_FILES))
    dialogues = _rows(files, "messages")[:_ULTRACHAT_DIALOGUES]
    return "\n\n".join("\n".join(turn["content"] for turn in turns) for turns in dialogues["messages"])


def _rows(files: Sequence[Path], column: str) -> Any:
    """A column of parquet files; the copy that the library makes in its cache, writable or not, is gone again."""
    from datasets import Dataset  # slow to import, and needed here only

    with tempfile.TemporaryDirectory() as scratch:
        return Dataset.from_parquet([*map(str, files)], columns=[column], cache_dir=scratch, keep_in_memory=True)


@source("grammar")
def _grammar() -> str:
    """Held-out text of the tiny models' language."""
    return written_once("grammar", lambda: sample_text(GRAMMAR_TOKENS, GRAMMAR_SEED))


@source("pydoc")
def _pydoc() -> str:
    """The prose of `pydoc_data.topics`, each paragraph once."""
    from pydoc_data.topics import topics  # half a megabyte

    paragraphs = (part for name in sorted(topics) for part in re.split(r"\n\s*\n", topics[name]))
    prose = (_one_line(part) for part in paragraphs if not part.lstrip().startswith(">>>"))
    # Topics repeat whole sections of each other.
    return "\n\n".join(dict.fromkeys(part for part in prose if _is_prose(part)))


def _one_line(paragraph: str) -> str:
    """A paragraph without line breaks and without the marks around code and emphasis."""
    return " ".join(_MARKS.sub("", _WRAPPED.sub("-", paragraph)).split())


def _is_prose(paragraph: str) -> bool:
    """Whether a paragraph reads as English: sentences of plain words, and no code, table or grammar rule."""
    plain = len(_PLAIN.findall(paragraph)) / max(len(paragraph), 1)
    return plain >= _PROSE and len(paragraph.split()) >= _FEWEST_WORDS and paragraph[-1] in ".:;"
