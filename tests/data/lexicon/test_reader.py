"""Lexicon files: what is read, what is refused with which sentence, and that a written file reads back unchanged."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from semphase.data.lexicon import DIRECTIONS, GRADIENTS, LEAST_DIRECTIONS, STEPS, Lexicon, Word, dump, load, merge
from semphase.errors import SemphaseError

ROLES = tuple(Word.__slots__[3:])


def entry(name: str = "bank", **changes: Any) -> dict[str, Any]:
    """A word table that can be read."""
    counts = {role: STEPS if role in GRADIENTS else 5 if role in DIRECTIONS else 1 for role in ROLES}
    prompts = {role: [f"Sentence {i} of {role} ends with the {name}" for i in range(n)] for role, n in counts.items()}
    return {"word": name, "sense_a": "money", "sense_b": "river", **prompts} | changes


def word(name: str = "bank", **changes: Any) -> Word:
    made = {key: tuple(value) if isinstance(value, list) else value for key, value in entry(name).items()}
    return Word(**(made | changes))


Refused = Callable[..., None]


@pytest.fixture
def refused(tmp_path) -> Refused:
    """`refused(table, …, sentence)`: a file of these tables is refused in one line."""

    def check(*tables: Any, sentence: str) -> None:
        path = tmp_path / "words.json"
        path.write_text(json.dumps({"word": list(tables)}), encoding="utf-8")
        with pytest.raises(SemphaseError, match=sentence) as caught:
            load(path)
        assert "\n" not in str(caught.value)
        assert str(path) in str(caught.value)

    return check


@pytest.mark.parametrize("key", ["sense_a", "neutral", "gradient_b"])
def test_a_missing_key_is_named_with_its_word(refused, key):
    table = entry()
    del table[key]
    refused(entry("seal"), table, sentence=f"word 'bank' lacks the key '{key}'; add it")


def test_a_table_without_its_word_is_counted(refused):
    table = entry()
    del table["word"]
    refused(entry("seal"), table, sentence="word number 2 lacks the key 'word'")


def test_an_unknown_key_is_named(refused):
    refused(entry(strong_c=["the bank"]), sentence="word 'bank' has an unknown key 'strong_c'; remove or rename it")


@pytest.mark.parametrize("value", ["", "  ", 3, ["river"]])
def test_a_sense_must_be_a_text(refused, value):
    refused(entry(sense_b=value), sentence="'sense_b' of word 'bank' must be a text that is not empty")


@pytest.mark.parametrize("value", [[], 3, ["the bank", 3], {"a": "the bank"}])
def test_prompts_must_be_sentences(refused, value):
    refused(entry(weak_a=value), sentence="'weak_a' of word 'bank' must be a sentence or a list of sentences")


@pytest.mark.parametrize("count", [9, 11])
def test_a_gradient_has_ten_steps(refused, count):
    sentence = f"'gradient_a' of word 'bank' needs 10 sentences, weak to strong, and has {count}"
    refused(entry(gradient_a=["the bank"] * count), sentence=sentence)


def test_five_direction_sentences_at_least(refused):
    sentence = f"'direction_b' of word 'bank' needs at least {LEAST_DIRECTIONS} sentences and has 4"
    refused(entry(direction_b=["the bank"] * 4), sentence=sentence)


@pytest.mark.parametrize("text", ["They reached the shore", "They reached the riverbank", "They walked to the Bank"])
def test_a_sentence_without_the_word_is_shown(refused, text):
    refused(entry(neutral=text), sentence=f"'neutral' of word 'bank' has a sentence without the word: '{text}'")


@pytest.mark.parametrize("text", ["The bank was closed", "They reached the bank.", "They reached the bank "])
def test_a_word_that_is_not_last_is_shown(refused, text):
    refused(entry(strong_a=[text]), sentence="in 'strong_a' of word 'bank' the word is not last in '" + text)


def test_a_line_break_after_the_word_is_not_nothing(refused):
    refused(entry(neutral="They reached the bank\n"), sentence="in 'neutral' of word 'bank' the word is not last")


def test_a_longer_word_is_not_the_word(refused):
    refused(entry(neutral="They saw the banks"), sentence="has a sentence without the word: 'They saw the banks'")


def test_a_word_twice(refused):
    refused(entry(), entry("seal"), entry(), sentence="has the word 'bank' twice; keep one table for each word")


@pytest.mark.parametrize("table", ["bank", 3, ["bank"]])
def test_an_entry_that_is_no_table_is_counted(refused, table):
    refused(entry(), table, sentence="entry 2 is not a table of keys and prompts")


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("content", [b"", b"words = 3", b"word = 3", b"word = []", b'word = "bank"'])
def test_a_file_without_words(tmp_path, content):
    with pytest.raises(SemphaseError, match=r"has no \[\[word\]\] tables; give at least one ambiguous word"):
        load(written(tmp_path / "words.toml", content))


def test_a_json_file_that_is_no_table(tmp_path):
    with pytest.raises(SemphaseError, match=r"has no \[\[word\]\] tables"):
        load(written(tmp_path / "words.json", b"[]"))


@pytest.mark.parametrize(("name", "form"), [("words.toml", "toml"), ("words.json", "json"), ("words", "TOML")])
def test_broken_syntax_is_told_with_its_place(tmp_path, name, form):
    with pytest.raises(SemphaseError, match=f"is not valid {form}: .*line 1"):
        load(written(tmp_path / name, b"word == 3\n"))


def test_a_file_that_is_not_utf8(tmp_path):
    with pytest.raises(SemphaseError, match=r"cannot be read .* give a UTF-8 file"):
        load(written(tmp_path / "words.toml", "sense_a = 'Ufer einer Öffnung'".encode("latin-1")))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(SemphaseError, match=r"lexicon .*none\.toml cannot be read"):
        load(tmp_path / "none.toml")


def test_toml_and_json_say_the_same(tmp_path):
    table = entry(neutral="A single sentence about the bank")
    as_json = written(tmp_path / "words.json", json.dumps({"word": [table]}).encode())
    lines = [f"{key} = {json.dumps(value)}" for key, value in table.items()]
    as_toml = written(tmp_path / "words.toml", "\n".join(["[[word]]", *lines]).encode())
    assert load(as_json) == load(as_toml) == Lexicon((word(neutral=("A single sentence about the bank",)),))


def test_a_byte_order_mark_is_no_content(tmp_path):
    content = b"\xef\xbb\xbf" + json.dumps({"word": [entry()]}).encode()
    assert load(written(tmp_path / "words.json", content)) == Lexicon((word(),))


def test_a_single_sentence_may_stand_alone(tmp_path):
    path = written(tmp_path / "words.json", json.dumps({"word": [entry(weak_b="By the bank")]}).encode())
    assert load(path).words[0].weak_b == ("By the bank",)


def test_merging_keeps_the_order_and_refuses_repetition():
    first, second = Lexicon((word(),)), Lexicon((word("seal"), word("mint")))
    assert merge([second, first]).names == ("seal", "mint", "bank")
    with pytest.raises(SemphaseError, match="the lexicons together has the word 'seal' twice"):
        merge([second, Lexicon((word("seal"),))])


# Whatever a sentence may hold: quotes, backslashes, tabs, line breaks, any script, control characters.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAMES = st.text(st.characters(categories=["L"]), min_size=1, max_size=6) | st.sampled_from(
    ['b"k', "b\\k", "l'été", "川"]
)


@st.composite
def words(draw: st.DrawFn, name: str) -> Word:
    plain = word(name)
    role = draw(st.sampled_from(ROLES))
    texts = tuple(f"{draw(TEXTS)} {name}" for _ in plain.prompts(role))
    sense = draw(TEXTS.filter(str.strip))
    return replace(plain, sense_a=sense, **{role: texts})


@given(data=st.data(), names=st.lists(NAMES, min_size=1, max_size=3, unique=True))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_written_lexicon_reads_back_unchanged(tmp_path, data, names):
    lexicon = Lexicon(tuple(data.draw(words(name)) for name in names))
    path = tmp_path / "words.toml"
    path.write_text(dump(lexicon), encoding="utf-8", newline="")
    assert load(path) == lexicon
    assert load(path).sha256 == lexicon.sha256


def test_the_hash_is_of_the_content(tmp_path):
    lexicon = Lexicon((word(), word("seal")))
    as_json = written(tmp_path / "w.json", json.dumps({"word": [asdict(w) for w in lexicon.words]}, indent=3).encode())
    assert load(as_json).sha256 == lexicon.sha256
    changed = Lexicon((word(neutral=("Near the bank",)), word("seal")))
    reordered = Lexicon(lexicon.words[::-1])
    assert len({lexicon.sha256, changed.sha256, reordered.sha256}) == 3


def test_roles_are_the_names_of_their_prompts():
    made = word(weak_a=("By the bank",))
    assert made.prompts("weak_a") == ("By the bank",)
