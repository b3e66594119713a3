"""Exact matches: what normalisation takes away, and what it keeps apart."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from semphase.science.recovery.scoring import normalised, right


def is_right(text: str, answer: str) -> bool:
    return bool(right([text], [answer])[0])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (" River Bank", ["river", "bank"]),
        (" river, bank!", ["river", "bank"]),
        ("\n\n  river bank\nmoney", ["river", "bank"]),
        ("...\nriver", ["river"]),
        ("river\r\nmoney", ["river"]),
        ("_river_bank_", ["river", "bank"]),
        ("“Naïve” cafés — ÜBER", ["naïve", "cafés", "über"]),
        ("nai\u0308ve", ["naïve"]),
        ("STRASSE straße", ["strasse", "strasse"]),
        ("ΟΔΟΣ οδος", ["οδοσ", "οδοσ"]),
        ("河岸，银行", ["河岸", "银行"]),
        ("7 + 5 = 12.", ["7", "5", "12"]),
        ("-5 is -5.0, 3-5 and −5", ["-5", "is", "-5.0", "3", "5", "and", "-5"]),
        ("1,234 12.5 1,23 3rd b2b", ["1234", "12.5", "1", "23", "3rd", "b2b"]),
        ("don't", ["don", "t"]),
        ("", []),
        (" \n\t\n ", []),
        ("?!", []),
    ],
)
def test_words_of_the_first_line_that_has_some(text, words):
    assert normalised(text) == words


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (" river", " river"),
        ("\nRiver.\nriver or money?", " river"),
        (" river bank and more", " river bank"),
        (" river, bank", " river bank"),
        (" 7\n", " 7"),
        (" 75.", " 75"),
        (" 1,234", " 1234"),
        ("**Anna**", " anna"),
    ],
)
def test_what_is_right(text, answer):
    assert is_right(text, answer)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (" 75", " 7"),
        (" -5", " 5"),
        (" 12.5", " 12"),
        (" 7", " 75"),
        (" 07", " 7"),
        (" the river", " river"),
        (" rivers", " river"),
        (" river", " river bank"),
        (" river\nbank", " river bank"),
        (" bank river", " river bank"),
        ("", " river"),
        (" river", " "),
        ("", ""),
    ],
)
def test_what_is_wrong(text, answer):
    assert not is_right(text, answer)


def test_each_text_has_its_own_answer():
    assert right([" a", " b", " a"], [" a", " a", " b"]).tolist() == [True, False, False]
    with pytest.raises(ValueError, match="shorter"):
        right([" a", " b"], [" a"])


words = st.lists(st.text("abcXYZ019äßΣς河", min_size=1, max_size=6), min_size=1, max_size=4).map(" ".join)


@given(words, st.sampled_from(list(" \n\t.,;:!?()")), st.text())
def test_an_answer_followed_by_anything_is_right(answer, between, rest):
    assume(not (between in ".," and rest[:1].isdecimal()))  # a longer number
    assert is_right(f" {answer}{between}{rest}", answer)
    assert is_right(f"\n{answer.upper()}{between}{rest}", answer)


@given(words, st.text("abc0189", min_size=1))
def test_a_last_word_that_goes_on_is_another(answer, rest):
    assert not is_right(f" {answer}{rest}", answer)


@given(st.text())
def test_normalising_again_changes_nothing(text):
    once = normalised(text)
    assert normalised(" ".join(once)) == once
