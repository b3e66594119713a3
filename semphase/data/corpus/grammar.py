"""The tiny models' language: topics leave graded cues, an ambiguous noun hides its topic.

Every passage has a hidden topic. Context clauses before the ambiguous noun carry cues: a cue of reliability r
is r / (1 - r) times as likely under its own topic as under any other, so that the evidence of several cues
adds up as in naive Bayes. The noun itself is equally likely under both of its topics; the verbs, objects and
adverbs behind it follow the topic and the noun. Stories of who holds what, and number agreement, add work of
longer range.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from typing import TypeVar

from semphase.data.corpus.topics import (
    ADJECTIVES,
    AMBIGUOUS,
    CLAUSES,
    COLOURS,
    FOLLOW_UPS,
    GENERIC_ADVERBS,
    GENERIC_VERBS,
    HEDGES,
    LEADS,
    NAMES,
    NEUTRAL,
    PEOPLE,
    PLACES,
    RELIABILITY,
    SLOTS,
    STATES,
    STORIES,
    THINGS,
    TOPICS,
)

Item = TypeVar("Item")

_TOPICAL = 0.85  # share of verbs, objects and adverbs that obey the topic; the rest are generic
# Share of cues among a passage's context nouns, and how often it occurs.
_DENSITIES = ((0.0, 0.2, 0.5, 0.8), (0.10, 0.20, 0.35, 0.35))
_STRENGTHS = (0.30, 0.30, 0.40)
_CUE_OF = {
    cue: (name, strength) for name, topic in TOPICS.items() for strength, cues in topic.cues.items() for cue in cues
}
_WORDS_OF = {name: tuple(word for word, topics in AMBIGUOUS.items() if name in topics) for name in TOPICS}


def vocabulary() -> tuple[str, ...]:
    """List every word form of the language, in a fixed order, without repetition."""
    words: list[str] = [*AMBIGUOUS]
    for topic in TOPICS.values():
        for cues in topic.cues.values():
            words += cues
        words += topic.verbs + topic.objects + topic.adverbs
    words += [*NEUTRAL, *NAMES, *GENERIC_VERBS, *GENERIC_ADVERBS, *ADJECTIVES, *COLOURS, *THINGS, *STATES]
    words += [form for pair in PEOPLE + PLACES for form in pair]
    fixed = " ".join((*CLAUSES, *LEADS, *HEDGES, *FOLLOW_UPS, *STORIES, "near and is are ."))
    words += [word for word in fixed.split() if word not in SLOTS]
    return tuple(dict.fromkeys(words))


def sample_text(tokens: int, seed: int) -> str:
    """Return at least `tokens` words in whole sentences, one document a line; a longer text only adds."""
    return _sample(tokens, seed)[0]


def perplexity_bounds(tokens: int, seed: int) -> tuple[float, float]:
    """Bound the perplexity of a perfect model on this sample from below and above.

    Lower: the hidden choices (topics, cue density, cast) are known; upper: they are paid for in full.
    """
    text, dice = _sample(tokens, seed)
    count = len(text.split())
    return math.exp(dice.visible / count), math.exp((dice.visible + dice.hidden) / count)


def log_odds(sentence: str, word: str) -> float:
    """Compute the exact log-odds (nats) of the first against the second sense of `word` in this context."""
    if word not in AMBIGUOUS:
        raise ValueError(f"expected one of the ambiguous words {', '.join(AMBIGUOUS)}, got {word!r}")
    first, second = AMBIGUOUS[word]
    total = 0.0
    for token in sentence.split():
        topic, strength = _CUE_OF.get(token, ("", ""))
        if topic in (first, second):
            reliability = RELIABILITY[strength]
            total += math.copysign(math.log(reliability / (1 - reliability)), 1 if topic == first else -1)
    return total


class _Dice:
    """Seeded choices that keep the surprise (nats) of visible and of hidden ones apart.

    Only `random()` is drawn from the generator, because Python promises that stream for good.
    """

    __slots__ = ("_draw", "hidden", "visible")

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed).random  # noqa: S311 - no secrets here
        self.visible = self.hidden = 0.0

    def uniform(self, items: Sequence[Item]) -> Item:
        self.visible += math.log(len(items))
        return items[int(self._draw() * len(items))]

    def weighted(self, items: Sequence[Item], weights: Sequence[float], hidden: bool = False) -> Item:
        total = sum(weights)
        point, index = self._draw() * total, 0
        while index < len(items) - 1 and point >= weights[index]:
            point -= weights[index]
            index += 1
        surprise = -math.log(weights[index] / total)
        if hidden:
            self.hidden += surprise
        else:
            self.visible += surprise
        return items[index]

    def chance(self, probability: float) -> bool:
        return self.weighted((True, False), (probability, 1 - probability))


def _sample(tokens: int, seed: int) -> tuple[str, _Dice]:
    if tokens < 1:
        raise ValueError(f"expected a positive number of tokens, got {tokens}")
    dice, documents, count = _Dice(seed), [], 0
    while count < tokens:
        sentences: list[str] = []
        for sentence in _document(dice):
            sentences.append(sentence)
            count += len(sentence.split())
            if count >= tokens:
                break
        documents.append(" ".join(sentences))
    return "\n".join(documents), dice


def _document(dice: _Dice) -> Iterator[str]:
    names = list(NAMES)
    cast = [names.pop(dice.weighted(range(len(names)), [1.0] * len(names), hidden=True)) for _ in range(3)]
    held: dict[str, str] = {}
    topics, here = tuple(TOPICS), ""
    for _ in range(6):
        # A topic tends to stay, so earlier passages are a prior for the next one.
        here = dice.weighted(topics, [1 + 8 * (topic == here) for topic in topics], hidden=True)
        while dice.chance(0.4):
            yield _agreement(dice) if dice.chance(0.25) else _story(dice, cast, held)
        while dice.chance(0.4):
            yield f"the {_cue(dice, here)} {_continuation(dice, cast, None, here)}"
        word = dice.uniform(_WORDS_OF[here])
        yield f"{_context(dice, cast, here)} {word} {_continuation(dice, cast, word, here)}"
        while dice.chance(0.35):
            opening = dice.uniform(FOLLOW_UPS).replace("W", word)
            yield f"{_named(dice, cast, opening)} {_continuation(dice, cast, word, here)}"


def _named(dice: _Dice, cast: Sequence[str], pattern: str) -> str:
    return " ".join(dice.uniform(cast) if part == "N" else part for part in pattern.split())


def _context(dice: _Dice, cast: Sequence[str], topic: str) -> str:
    density = dice.weighted(*_DENSITIES, hidden=True)
    parts: list[str] = []
    for _ in range(dice.weighted((1, 2, 3), (0.3, 0.5, 0.2))):
        clause = _named(dice, cast, dice.uniform(CLAUSES)).split()
        parts += [_noun(dice, topic, density) if part == "_" else part for part in clause]
    adjective = [dice.uniform(ADJECTIVES)] if dice.chance(0.2) else []
    return " ".join([*parts, dice.uniform(LEADS), *adjective])


def _noun(dice: _Dice, topic: str, density: float) -> str:
    return _cue(dice, topic) if density and dice.chance(density) else dice.uniform(NEUTRAL)


def _cue(dice: _Dice, topic: str) -> str:
    strength = dice.weighted(tuple(RELIABILITY), _STRENGTHS)
    right = RELIABILITY[strength]
    shown = dice.weighted(tuple(TOPICS), [right if name == topic else 1 - right for name in TOPICS])
    return dice.uniform(TOPICS[shown].cues[strength])


def _continuation(dice: _Dice, cast: Sequence[str], word: str | None, name: str) -> str:
    parts = [_named(dice, cast, dice.uniform(HEDGES))] if dice.chance(0.25) else []
    parts.append(_predicate(dice, word, name))
    if dice.chance(0.4):
        parts.append(f"and {_predicate(dice, word, name)}")
    if dice.chance(0.6):
        parts.append(dice.uniform(TOPICS[name].adverbs if dice.chance(_TOPICAL) else GENERIC_ADVERBS))
    return " ".join([*parts, "."])


def _predicate(dice: _Dice, word: str | None, name: str) -> str:
    topic, preference = TOPICS[name], _preference(word, name)
    topical = dice.chance(_TOPICAL)
    verb = dice.weighted(topic.verbs, preference) if topical else dice.uniform(GENERIC_VERBS)
    if topical:  # half of the object's weight belongs to the verb's usual object
        usual = (topic.verbs.index(verb) + 3) % len(topic.objects)
        preference = [0.5 * share + 0.5 * (index == usual) for index, share in enumerate(preference)]
    adjective = f"{dice.uniform(ADJECTIVES)} " if dice.chance(0.2) else ""
    known = dice.weighted(topic.objects, preference) if dice.chance(_TOPICAL) else dice.uniform(NEUTRAL)
    return f"{verb} the {adjective}{known}"


def _preference(word: str | None, topic: str) -> list[float]:
    """Each ambiguous noun favours two of its topic's six verbs, and two of its objects; cues favour none."""
    if word is None:
        return [1 / 6] * 6
    own = _WORDS_OF[topic].index(word)
    return [0.40 if index // 2 == own else 0.05 for index in range(6)]


def _story(dice: _Dice, cast: Sequence[str], held: dict[str, str]) -> str:
    if not held or dice.chance(0.3):
        free = [f"{colour} {thing}" for colour in COLOURS for thing in THINGS if f"{colour} {thing}" not in held]
        thing = dice.uniform(free)
        held[thing] = dice.uniform(cast)
        return f"{held[thing]} has the {thing} ."
    thing = dice.uniform(tuple(held))
    pattern, holder = dice.uniform(STORIES[:3]), held[thing]
    if "M" in pattern:
        held[thing] = dice.uniform([name for name in cast if name != holder])
    return pattern.replace("N", holder).replace("M", held[thing]).replace("T", thing)


def _agreement(dice: _Dice) -> str:
    many = dice.uniform((0, 1))
    subject, place = dice.uniform(PEOPLE)[many], dice.uniform(dice.uniform(PLACES))
    return f"the {subject} near the {place} {('is', 'are')[many]} {dice.uniform(STATES)} ."
