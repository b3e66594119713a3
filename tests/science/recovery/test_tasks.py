"""Tasks: answers are right by construction, items and parts share nothing, a seed gives the same items anywhere."""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from semphase.data.corpus import load as load_corpus
from semphase.data.corpus.topics import AMBIGUOUS, TOPICS
from semphase.data.lexicon import Lexicon
from semphase.data.lexicon import load as load_lexicon
from semphase.data.prompts import Prompts
from semphase.models import fixture
from semphase.science.recovery import tasks
from semphase.science.recovery.scoring import right
from semphase.science.recovery.tasks import LADDERS, PARTS, Item, Ladder, Sources, as_prompts

ROOT = Path(__file__).parents[3]
COUNT = 12
TEXTS = {"english": "pydoc", "grammar": "grammar"}
LADDER = {ladder.name: ladder for ladder in LADDERS}
LEVELS = [(ladder.name, level) for ladder in LADDERS for level in ladder.levels]
IN_LANGUAGE = ("object", "verb", "holder", "agreement")
PLURAL = {"boys", "girls", "men", "children"}

every_language = pytest.mark.parametrize("language", TEXTS)
every_level = pytest.mark.parametrize(("name", "level"), LEVELS)
every_part = pytest.mark.parametrize("part", PARTS)


def levels_of(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("name", "level"), [own for own in LEVELS if own[0] in names])


@cache
def sources(language: str, seed: int = 0) -> Sources:
    lexicon = load_lexicon(fixture(f"lexicon/{language}.toml"))
    return Sources(lexicon, load_corpus(TEXTS[language]).text, seed)


@cache
def made(name: str, level: str, part: str, language: str = "grammar", seed: int = 0) -> Prompts:
    found = LADDER[name].prompts(sources(language, seed), level, part, COUNT)
    assert found is not None
    return found


def rows(prompts: Prompts) -> list[tuple[str, str, str]]:
    """Header, question and answer of each item."""
    return list(zip(*(map(str, prompts.label(own)) for own in ("header", "question", "answer")), strict=True))


@cache
def documents(part: str) -> tuple[str, ...]:
    return tuple(sorted(tasks._documents(part, sources("grammar").rng())))


def document_of(text: str, part: str) -> str:
    """The first document of a part that holds a text."""
    return next(own for own in documents(part) if text in own)


@every_part
@every_language
@every_level
def test_every_level_makes_items_of_every_source(name, level, language, part):
    found = made(name, level, part, language)
    assert len(found) == COUNT
    for text, (header, question, answer) in zip(found.texts or (), rows(found), strict=True):
        assert header + question == text
        assert re.fullmatch(r" \S.*", answer)
        assert answer.strip() == answer[1:]
        assert question == question.rstrip()


@every_level
def test_fewer_than_two_items_are_none(name, level):
    nothing = Sources(Lexicon(sources("grammar").lexicon.words[:1]), "", 0)
    found = LADDER[name].prompts(nothing, level, "judge", COUNT)
    assert (found is None) == (name in ("senses", "last-word", "copying"))
    assert LADDER[name].prompts(sources("grammar"), level, "judge", 1) is None


def asked(name: str, level: str, part: str) -> list[object]:
    """The questions of a part without what says nothing of them: examples, and the order of the numbers of a sum."""
    found = LADDER[name].prompts(sources("grammar"), level, part, 96)
    assert found is not None
    if name == "arithmetic":
        return [tuple(sorted(map(int, re.findall(r"\d+", question)))) for _, question, _ in rows(found)]
    return [question if name == "copying" else header + question for header, question, _ in rows(found)]


@pytest.mark.parametrize("name", ["arithmetic", "copying", *IN_LANGUAGE])
def test_no_question_is_asked_twice_nor_in_both_parts(name):
    for level in LADDER[name].levels:
        first, second = (asked(name, level, part) for part in tasks.PARTS)
        assert len(set(first)) == len(first)
        assert len(set(second)) == len(second)
        assert not set(first) & set(second)


@levels_of("arithmetic", "copying")
def test_no_example_shows_the_answer(name, level):
    found = LADDER[name].prompts(sources("grammar"), level, "judge", 96)
    for header, question, _ in rows(found):
        shown = [line.partition(" =" if name == "arithmetic" else " ,")[0] for line in header.splitlines()]
        own = question.removesuffix(" =").removesuffix(" ,")
        assert sorted(own.split()) not in [sorted(line.split()) for line in shown] or name == "copying"
        assert own not in shown


@pytest.mark.parametrize(
    "senses", [("river", "River "), ("this or that", "money"), ("one\nline", "money"), ("money", "low sound or tool")]
)
def test_senses_that_a_question_cannot_tell_apart_are_not_asked(senses):
    words = sources("english").lexicon.words[:4]
    odd = replace(words[0], sense_a=senses[0], sense_b=senses[1])
    own = Sources(Lexicon((odd, *words[1:])), "", 0)
    found = LADDER["senses"].prompts(own, LADDER["senses"].levels[0], "judge", COUNT)
    assert len(found) == 3
    assert not any(odd.sense_b in text for text in found.texts)


def test_a_source_gives_as_many_as_it_has():
    def two(*_):
        return iter([Item("a", " b", "c"), Item("d", " e", "f")])

    found = Ladder("own", ("only",), two).prompts(sources("grammar"), "only", "judge", 400)
    assert found is not None
    assert (found.name, found.texts) == ("recovery/own/only/judge", ("a b", "d e"))
    assert found.answer.tolist() == [" c", " f"]


def test_labels_are_what_items_say():
    found = as_prompts("own", [Item("", "one", "1"), Item("a ", "two", "2")])
    assert found.texts == ("one", "a two")
    assert rows(found) == [("", "one", " 1"), ("a ", "two", " 2")]


# Answers


@every_part
@levels_of("arithmetic")
def test_sums_are_sums(name, level, part):
    count, below = map(int, re.fullmatch(r"(\d) numbers below (\d+)", level).groups())
    for header, question, answer in rows(made(name, level, part)):
        lines = f"{header}{question}{answer}".split("\n")
        assert len(lines) == 7
        for line in lines:
            left, total = line.split(" = ")
            numbers = [int(number) for number in left.split(" + ")]
            assert sum(numbers) == int(total)
            assert len(numbers) == count
            assert all(0 < number < below for number in numbers)


@every_part
@every_language
@levels_of("copying")
def test_copies_are_copies(name, level, language, part):
    own = set(re.findall(r"[a-z]+", sources(language).held_out(part)))
    for header, question, answer in rows(made(name, level, part, language)):
        lines = f"{header}{question}{answer} .".split("\n")
        assert len(lines) == 5
        for line in lines:
            said, again = (half.split() for half in line.removesuffix(" .").split(" , "))
            assert len(set(said)) == int(level.split()[0])
            assert again == (said[::-1] if level.endswith("backwards") else said)
            assert set(said) <= own


@every_part
@every_language
@levels_of("last-word")
def test_the_last_word_follows_in_the_text_and_passages_do_not_overlap(name, level, language, part):
    whole = " ".join(sources(language).held_out(part).split())
    length, places = int(level.split()[0]), []
    for text, (_, question, answer) in zip(
        made(name, level, part, language).texts, rows(made(name, level, part, language)), strict=True
    ):
        assert re.search(re.escape(text + answer) + r" ?\.", whole)
        assert len(text.split()) == length
        assert len(question.split()) == 6
        if "among" in level:
            assert answer.strip() in text.split()
        begin = whole.index(text + answer)
        places.append((begin, begin + len(text + answer)))
    places.sort()
    assert all(end < begin for (_, end), (begin, _) in itertools.pairwise(places))


@every_part
@levels_of(*IN_LANGUAGE)
def test_answers_in_the_language_stand_in_a_document(name, level, part):
    for text, (_, _, answer) in zip(made(name, level, part).texts, rows(made(name, level, part)), strict=True):
        assert document_of(text.strip() + answer + " ", part)


@every_part
@levels_of("holder")
def test_who_holds_a_thing_was_told(name, level, part):
    least, most = {"up": (0, 15), "16": (16, 40), "41": (41, 150)}[level.split()[1]]
    for text, (_, question, answer) in zip(made(name, level, part).texts, rows(made(name, level, part)), strict=True):
        thing = re.fullmatch(r" the (\w+ \w+) is with", question).group(1)
        whole = document_of(text + answer + " .", part)
        before = whole[: whole.index(text + answer) + len(text) - len(question)]
        assert last_holder(before, thing) == answer.strip()
        since = before[before.rindex(thing) + len(thing) :].split()
        assert least <= len(since) <= most


def last_holder(text: str, thing: str) -> str:
    told = rf"(\w+) (?:still )?has the {thing} \.|the {thing} is with (\w+) \.|\w+ gives the {thing} to (\w+) \."
    *_, last = re.finditer(told, text)
    return next(name for name in last.groups() if name)


@every_part
@levels_of("agreement")
def test_the_verb_agrees_with_its_subject(name, level, part):
    for _, question, answer in rows(made(name, level, part)):
        subject, place = re.fullmatch(r" the (\w+) near the (\w+)", question).groups()
        assert answer == (" are" if subject in PLURAL else " is")
        same = (subject in PLURAL) == (place in {"gates", "trees", "walls"})
        assert same == (level == "same number")


@every_part
@levels_of("object", "verb")
def test_objects_and_verbs_are_those_of_the_topic(name, level, part):
    for text, (_, question, answer) in zip(made(name, level, part).texts, rows(made(name, level, part)), strict=True):
        words = text.split()
        assert len(words) == int(level.split()[0])
        assert len(question.split()) == 3
        if name == "object":
            (topic,) = (own for own in TOPICS.values() if words[-2] in own.verbs)
            assert words[-1] == "the"
            assert answer.strip() in topic.objects
        else:
            assert answer.strip() in {verb for topic in AMBIGUOUS[words[-1]] for verb in TOPICS[topic].verbs}


@cache
def senses_of(language: str) -> dict[str, tuple[str, str, str]]:
    """Word, role and sense of every sentence."""
    return {
        text: (word.word, role, getattr(word, f"sense_{role[-1]}"))
        for word in sources(language).lexicon.words
        for role in (f"{kind}_{side}" for kind in ("direction", "strong", "weak", "gradient") for side in "ab")
        for text in word.prompts(role)
    }


def sentence_of(question: str) -> str:
    return question[: question.rindex(".\n")]


def offered(question: str) -> str:
    """A sense may itself be "stamp or closure"."""
    return question.rpartition("\n")[2]


def orders(senses: tuple[str, str]) -> list[str]:
    first, second = senses
    return [f"{first} or {second}?", f"{second} or {first}?"]


@every_language
def test_no_sense_begins_as_the_other_of_its_word(language):
    """Else the one would be right where the other is written."""
    for word in sources(language).lexicon.words:
        assert right([word.sense_a, word.sense_b], [word.sense_b, word.sense_a]).tolist() == [False, False]


@every_part
@every_language
@levels_of("senses")
def test_a_sense_is_that_of_its_sentence(name, level, language, part):
    by_sentence, asked = senses_of(language), []
    senses = {word.word: (word.sense_a, word.sense_b) for word in sources(language).lexicon.words}
    for header, question, answer in rows(made(name, level, part, language)):
        word, role, sense = by_sentence[sentence_of(question)]
        assert answer == " " + sense
        assert offered(question) in orders(senses[word])
        assert role[:-2] in (("gradient", "weak") if level.startswith("weak") else ("direction", "strong"))
        shown = header.split("\n\n")[:-1]
        assert len(shown) == int(level.rpartition(", ")[2].split()[0].replace("no", "0"))
        words = [example_word(example, by_sentence, senses) for example in shown]
        assert len({word, *words}) == 1 + len(words)
        asked.append(word)
    assert len(set(asked)) == len(asked)


def example_word(example: str, by_sentence: dict[str, tuple[str, str, str]], senses: dict[str, tuple[str, str]]) -> str:
    before, _, answer = example.rpartition("? ")
    question = before + "?"
    word, role, sense = by_sentence[sentence_of(question)]
    assert answer == sense
    assert offered(question) in orders(senses[word])
    assert role[:-2] == "direction"
    return word


def test_both_senses_are_asked_and_either_stands_first():
    found = [
        offered(question).startswith(answer.strip())
        for name, level in LEVELS
        if name == "senses"
        for part in PARTS
        for _, question, answer in rows(made(name, level, part, "english"))
    ]
    assert 0.3 < sum(found) / len(found) < 0.7


# What items and parts share


@every_language
def test_the_parts_ask_about_different_sentences(language):
    asked = {
        part: {
            sentence_of(question)
            for name, level in LEVELS
            if name == "senses"
            for seed in range(4)
            for _, question, _ in rows(made(name, level, part, language, seed))
        }
        for part in PARTS
    }
    assert not asked["calibrate"] & asked["judge"]


@every_language
def test_the_parts_of_the_text_do_not_overlap_and_stand_in_its_second_half(language):
    own = sources(language)
    first, second = (own.held_out(part) for part in PARTS)
    assert own.text.endswith(first + second)
    assert len(first + second) <= len(own.text) // 2 + 4


def test_the_parts_share_no_document():
    assert not set(documents("calibrate")) & set(documents("judge"))


@every_language
@levels_of("arithmetic", "copying", "last-word")
def test_the_parts_share_no_text(name, level, language):
    first, second = (set(made(name, level, part, language).texts) for part in PARTS)
    assert not first & second
    assert len(first) == len(second) == COUNT


@levels_of(*IN_LANGUAGE)
def test_a_document_gives_one_item(name, level, monkeypatch):
    few = documents("judge")[:15]
    monkeypatch.setattr(tasks, "_documents", lambda _part, rng: rng.sample(few, len(few)))
    found = LADDER[name].prompts(sources("grammar"), level, "judge", 1000)
    assert found is None or 2 <= len(found) <= len(few)


# Seeds


def digest(names: Sequence[tuple[str, str]], seed: int = 0) -> str:
    every = [LADDER[name].prompts(sources("grammar", seed), level, "judge", 4) for name, level in names]
    return hashlib.sha256("".join(own.sha256 for own in every if own is not None).encode()).hexdigest()


ELSEWHERE = """
import hashlib
from semphase.data.corpus import load as load_corpus
from semphase.data.lexicon import load as load_lexicon
from semphase.models import fixture
from semphase.science.recovery.tasks import LADDERS, Sources
sources = Sources(load_lexicon(fixture("lexicon/grammar.toml")), load_corpus("grammar").text, 0)
every = [ladder.prompts(sources, ladder.levels[-1], "judge", 4) for ladder in LADDERS]
print(hashlib.sha256("".join(own.sha256 for own in every).encode()).hexdigest())
"""


def test_another_process_makes_the_same_items():
    here = digest([(ladder.name, ladder.levels[-1]) for ladder in LADDERS])
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    run = subprocess.run(
        [sys.executable, "-c", ELSEWHERE], env=environment, cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert run.stdout.strip() == here


@every_level
def test_another_seed_makes_other_items(name, level):
    assert digest([(name, level)]) == digest([(name, level)])
    assert digest([(name, level)]) != digest([(name, level)], seed=1)
