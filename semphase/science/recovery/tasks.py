"""Tasks with exact answers, generated and seeded, each on a ladder of levels from easy to hard.

| task | question | answer | levels |
|---|---|---|---|
| `senses` | a sentence of the lexicon and two senses of its word, after examples | the sense | sentences, examples |
| `last-word` | a passage of held-out text without its last word (as in LAMBADA) | the word | length, repetition |
| `arithmetic` | a sum, after examples | the number | digits and summands |
| `copying` | random words of the text, after examples of their being said again | the words | number, order |
| `object` | a document of the tiny models' language up to the object of a verb | the object | words before it |
| `verb` | the same up to the verb of an ambiguous noun | the verb | words before it |
| `holder` | a document of the tiny models' language that told who holds a thing | the name | how far back |
| `agreement` | a sentence of that language up to its verb | is or are | the number of the noun in between |

LAMBADA is that of Paperno et al. 2016 (1606.06031). Items of the two parts ask about different sentences, passages,
documents, sums and words. No two items of one part ask about the same passage, document, sum or word of the lexicon, so
that they are independent units, and no example shows the answer; the examples of `senses` are calibrating sentences of
other words in either part.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from semphase.data.corpus import grammar
from semphase.data.corpus.topics import AMBIGUOUS, TOPICS
from semphase.data.lexicon import Lexicon
from semphase.data.lexicon.words import Word
from semphase.data.prompts import Prompts

Part = Literal["calibrate", "judge"]
PARTS: tuple[Part, ...] = ("calibrate", "judge")


@dataclass(frozen=True, slots=True)
class Item:
    """What stands before the question, the question, and what should follow it."""

    header: str
    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Sources:
    """What tasks are made of: a lexicon, and a text whose second half no order of heads was chosen on."""

    lexicon: Lexicon
    text: str
    seed: int

    def rng(self, *purpose: object) -> random.Random:
        """A generator of the seed for one purpose."""
        return random.Random(repr((self.seed, *purpose)))  # noqa: S311 - no secrets here

    def held_out(self, part: Part) -> str:
        """The third quarter of the text for calibration, the fourth to judge."""
        quarter = len(self.text) // 4
        return self.text[2 * quarter : 3 * quarter] if part == "calibrate" else self.text[3 * quarter :]


Make = Callable[[Sources, str, Part, random.Random], Iterator[Item]]


@dataclass(frozen=True, slots=True)
class Ladder:
    """A task, its levels from easy to hard, and what stands between a text and the question when that is asked again."""

    name: str
    levels: tuple[str, ...]
    make: Make
    between: str = "\n"

    def prompts(self, sources: Sources, level: str, part: Part, count: int) -> Prompts | None:
        """At most so many items; None where the sources give fewer than two."""
        rng = sources.rng(self.name, level, part)
        items = [item for item, _ in zip(self.make(sources, level, part, rng), range(count), strict=False)]
        if len(items) < 2:
            return None
        return as_prompts(f"recovery/{self.name}/{level}/{part}", items)


_IN_VAIN = 1000


class _Questions:
    """Which questions a part may still ask: each once, and by their digests none that the other part asks."""

    def __init__(self, part: Part) -> None:
        self._part, self._asked = PARTS.index(part), set[str]()

    def new(self, question: str) -> bool:
        """Whether this one is the part's own and was not asked before; from now on it was."""
        own = hashlib.sha256(question.encode()).digest()[0] % len(PARTS) == self._part
        known = question in self._asked
        self._asked.add(question)
        return own and not known


def _new(part: Part, drawn: Iterator[tuple[str, Item]]) -> Iterator[Item]:
    """Of items that are drawn without end, each with its question, the part's own, until none has come for long."""
    questions, in_vain = _Questions(part), 0
    for question, item in drawn:
        in_vain += 1
        if questions.new(question):
            in_vain = 0
            yield item
        if in_vain == _IN_VAIN:
            return


def as_prompts(name: str, items: Sequence[Item]) -> Prompts:
    """Items as a set of prompts with the labels `header`, `question` and `answer`."""
    return Prompts.of(
        name,
        [item.header + item.question for item in items],
        header=[item.header for item in items],
        question=[item.question for item in items],
        answer=[" " + item.answer for item in items],
    )


# Senses of the lexicon's words

_SENSES: Mapping[str, tuple[tuple[str, ...], int]] = {
    "strong sentences, 4 examples": (("direction", "strong"), 4),
    "strong sentences, 1 example": (("direction", "strong"), 1),
    "weak sentences, 4 examples": (("gradient", "weak"), 4),
    "weak sentences, no example": (("gradient", "weak"), 0),
}


def _senses(sources: Sources, level: str, part: Part, rng: random.Random) -> Iterator[Item]:
    roles, examples = _SENSES[level]
    words = [word for word in sources.lexicon.words if _distinct(word)]
    for asked in rng.sample(words, len(words)):
        others = [word for word in words if word is not asked]
        shown = rng.sample(others, min(examples, len(others)))
        lines = [_sense(word, ("direction",), "calibrate", rng) for word in shown]
        question, answer = _sense(asked, roles, part, rng)
        yield Item("".join(f"{text} {sense}\n\n" for text, sense in lines), question, answer)


def _distinct(word: Word) -> bool:
    """Can "… or …?" name its two senses, so that an answer is one of them?"""
    senses = {sense.strip().casefold() for sense in (word.sense_a, word.sense_b)}
    return len(senses) == 2 and not any(" or " in sense or "\n" in sense for sense in senses)


def _sense(word: Word, roles: tuple[str, ...], part: Part, rng: random.Random) -> tuple[str, str]:
    side = rng.choice("ab")
    # Sentences of even number calibrate, those of odd number judge.
    sentences = [text for role in roles for text in word.prompts(f"{role}_{side}")[PARTS.index(part) :: 2]]
    senses = [word.sense_a, word.sense_b]
    answer = senses["ab".index(side)]
    first, second = rng.sample(senses, 2)
    return f"{rng.choice(sentences)}.\n{first} or {second}?", answer


# The last word of held-out text

_PASSAGES: Mapping[str, tuple[int, bool]] = {
    "80 words, the word among them": (80, True),
    "30 words, the word among them": (30, True),
    "80 words": (80, False),
    "30 words": (30, False),
    "12 words": (12, False),
}
_ASKED = 6
"""Words of the passage that are said again when the question is asked again."""
_WORD = re.compile(r"[a-z]{3,}")


def _last_words(sources: Sources, level: str, part: Part, rng: random.Random) -> Iterator[Item]:
    length, repeated = _PASSAGES[level]
    words = sources.held_out(part).split()
    ends = [k for k in range(length, len(words)) if _ends_sentence(words, k)]
    starts = sorted(rng.sample(ends, len(ends)), key=lambda _: rng.random())
    taken: list[int] = []
    for k in starts:
        before, answer = words[k - length : k], words[k].rstrip(".")
        if (repeated and answer not in before) or any(abs(k - other) <= length for other in taken):
            continue
        taken.append(k)
        header, question = " ".join(before[:-_ASKED]), " " + " ".join(before[-_ASKED:])
        yield Item(header, question, answer)


def _ends_sentence(words: Sequence[str], k: int) -> bool:
    whole = words[k].rstrip(".")
    return bool(_WORD.fullmatch(whole)) and (words[k].endswith(".") or words[k + 1 : k + 2] == ["."])


# Sums

_SUMS: Mapping[str, tuple[int, int]] = {
    "2 numbers below 10": (2, 10),
    "3 numbers below 10": (3, 10),
    "2 numbers below 50": (2, 50),
    "2 numbers below 100": (2, 100),
    "3 numbers below 100": (3, 100),
}
_SUM_EXAMPLES = 6


def _sums(_sources: Sources, level: str, part: Part, rng: random.Random) -> Iterator[Item]:
    return _new(part, _drawn_sums(*_SUMS[level], rng))


def _drawn_sums(count: int, below: int, rng: random.Random) -> Iterator[tuple[str, Item]]:
    while True:
        *shown, asked = [[rng.randrange(1, below) for _ in range(count)] for _ in range(_SUM_EXAMPLES + 1)]
        # The same numbers in another order are the same sum.
        if sorted(asked) not in map(sorted, shown):
            header = "".join(f"{_sum(line)} {sum(line)}\n" for line in shown)
            yield f"{sorted(asked)}", Item(header, _sum(asked), str(sum(asked)))


def _sum(numbers: Sequence[int]) -> str:
    return " + ".join(map(str, numbers)) + " ="


# Words said again

_COPIES: Mapping[str, tuple[int, int]] = {
    "3 words": (3, 1),
    "12 words": (12, 1),
    "2 words backwards": (2, -1),
    "3 words backwards": (3, -1),
    "4 words backwards": (4, -1),
}
_COPY_EXAMPLES = 4
_COMMON = 300


def _copies(sources: Sources, level: str, part: Part, rng: random.Random) -> Iterator[Item]:
    count, order = _COPIES[level]
    known = sorted(set(_WORD.findall(sources.held_out(part))))
    words = rng.sample(known, min(len(known), _COMMON))
    return _new(part, _drawn_copies(words, count, order, rng)) if len(words) >= count else iter(())


def _drawn_copies(words: Sequence[str], count: int, order: int, rng: random.Random) -> Iterator[tuple[str, Item]]:
    while True:
        lines = [rng.sample(words, count) for _ in range(_COPY_EXAMPLES + 1)]
        *shown, asked = [(" ".join(line) + " ,", " ".join(line[::order])) for line in lines]
        if asked not in shown:
            yield asked[0], Item("".join(f"{text} {answer} .\n" for text, answer in shown), *asked)


# The tiny models' language

_GRAMMAR_SEEDS: Mapping[Part, int] = {"calibrate": 11, "judge": 12}
"""Samples that no model was trained on."""
_GRAMMAR_TOKENS = 400_000
_HELD = re.compile(r"the (\w+ \w+) is with (\w+) \.")
_DISTANCES: Mapping[str, tuple[int, int]] = {
    "said up to 15 words before": (0, 15),
    "said 16 to 40 words before": (16, 40),
    "said 41 to 150 words before": (41, 150),
}
_SEEN = 160
"""Words before the question."""


def _documents(part: Part, rng: random.Random) -> list[str]:
    documents = _sampled(_GRAMMAR_SEEDS[part])
    return rng.sample(documents, len(documents))


@cache
def _sampled(seed: int) -> tuple[str, ...]:
    return tuple(grammar.sample_text(_GRAMMAR_TOKENS, seed).split("\n"))


def _holders(_sources: Sources, level: str, part: Part, rng: random.Random) -> Iterator[Item]:
    least, most = _DISTANCES[level]
    questions = _Questions(part)
    for document in _documents(part, rng):
        for found in rng.sample(matches := list(_HELD.finditer(document)), len(matches)):
            thing, name = found.groups()
            before = document[: found.start()].split()[-_SEEN:]
            back = _back(before, thing.split())
            if back is not None and least <= back <= most and questions.new(" ".join([*before, thing])):
                yield Item(" ".join(before), f" the {thing} is with", name)
                break


def _back(words: Sequence[str], thing: Sequence[str]) -> int | None:
    """How many words ago a thing was last spoken of."""
    places = [k for k in range(len(words) - 1) if list(words[k : k + 2]) == list(thing)]
    return len(words) - places[-1] - 2 if places else None


_NEAR = re.compile(r"the (\w+) near the (\w+) (is|are) \w+ \.")


def _agreements(_sources: Sources, level: str, part: Part, rng: random.Random) -> Iterator[Item]:
    questions = _Questions(part)
    for document in _documents(part, rng):
        for found in rng.sample(matches := list(_NEAR.finditer(document)), len(matches)):
            subject, place, verb = found.groups()
            before = document[: found.start()].split()[-_SEEN // 4 :]
            fits = (place.endswith("s") == (verb == "are")) == (level == "same number")
            if fits and questions.new(" ".join([*before, subject, place])):
                yield Item(" ".join(before), f" the {subject} near the {place}", verb)
                break


_CONTEXTS: Mapping[str, int] = {"40 words before": 40, "12 words before": 12, "4 words before": 4}
_USUAL = {verb: topic.objects for topic in TOPICS.values() for verb in topic.verbs}


def _objects(_sources: Sources, level: str, part: Part, rng: random.Random) -> Iterator[Item]:
    return _words_of_language(level, part, rng, lambda words, k: words[k] in _USUAL.get(words[k - 2], ()))


def _verbs(_sources: Sources, level: str, part: Part, rng: random.Random) -> Iterator[Item]:
    return _words_of_language(level, part, rng, lambda words, k: words[k - 1] in AMBIGUOUS and words[k] in _USUAL)


def _words_of_language(
    level: str, part: Part, rng: random.Random, asked: Callable[[Sequence[str], int], bool]
) -> Iterator[Item]:
    """One word of each document, with as many words before it as the level says."""
    length = _CONTEXTS[level]
    questions = _Questions(part)
    for document in _documents(part, rng):
        words = document.split()
        places = [k for k in range(length, len(words)) if asked(words, k)]
        k = next((k for k in rng.sample(places, len(places)) if questions.new(" ".join(words[k - length : k]))), None)
        if k is not None:
            yield Item(" ".join(words[k - length : k - 3]), " " + " ".join(words[k - 3 : k]), words[k])


LADDERS = (
    Ladder("senses", tuple(_SENSES), _senses, "\n\n"),
    Ladder("last-word", tuple(_PASSAGES), _last_words, " .\n"),
    Ladder("arithmetic", tuple(_SUMS), _sums),
    Ladder("copying", tuple(_COPIES), _copies, " .\n"),
    Ladder("object", tuple(_CONTEXTS), _objects, " . "),
    Ladder("verb", tuple(_CONTEXTS), _verbs, " . "),
    Ladder("holder", tuple(_DISTANCES), _holders, " . "),
    Ladder("agreement", ("same number", "another number"), _agreements, " . "),
)
"""In the order in which they are tried; fixed before any was measured."""
