"""Sets of prompts: what they keep, what they refuse, how they are chosen and divided, and what changes their hash."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from semphase.data.lexicon import load as load_lexicon
from semphase.data.prompt_input import start_of
from semphase.data.prompts import Prompts
from semphase.errors import SemphaseError
from semphase.models import fixture

IOI = {
    "texts": ["Ann and Bob went, Bob gave Ann", "Eve and Max went, Max gave Eve", "Ann and Max went, Max gave Ann"],
    "answer": [" Ann", " Eve", " Ann"],
    "item": [0, 1, 2],
    "likely": [True, False, True],
}


def ioi(**changes) -> Prompts:
    return Prompts.of(**({"name": "ioi"} | IOI | changes))


def test_labels_are_read_as_attributes():
    prompts = ioi()
    assert len(prompts) == 3
    assert prompts.answer.tolist() == IOI["answer"]
    assert prompts.item.dtype.kind == "i"
    assert prompts.likely.dtype == bool
    assert prompts.answer is prompts.answer
    with pytest.raises(ValueError, match="read-only"):
        prompts.item[0] = 5
    with pytest.raises(AttributeError, match="the prompts 'ioi' have no label 'wrong'"):
        prompts.wrong  # noqa: B018
    with pytest.raises(
        SemphaseError, match=r"^the prompts 'ioi' have no label 'wrong'; they have answer, item, likely\.$"
    ):
        prompts.label("wrong")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"texts": []}, "the prompts 'ioi' are none"),
        ({"texts": ["a", " ", "b"]}, "prompt 1 of 'ioi' is ' '"),
        ({"texts": ["a", 3, "b"]}, "prompt 1 of 'ioi' is 3"),
        ({"name": ""}, "a set of prompts needs a name"),
        ({"answer": ["x"]}, "the label 'answer' of 'ioi' has 1 values for 3 prompts"),
        ({"answer": "x"}, "the label 'answer' of 'ioi' is 'x'"),
        ({"answer": 3}, "the label 'answer' of 'ioi' is 3"),
        ({"answer": ["x", 1, 2]}, "the label 'answer' of 'ioi' mixes"),
        ({"answer": [None, None, None]}, "the label 'answer' of 'ioi' mixes"),
        ({"split": [1, 2, 3]}, "'split' cannot be a label"),
        ({"layer": [1, 2, 3]}, "'layer' cannot be a label"),
        ({"sha256": [1, 2, 3]}, "'sha256' cannot be a label"),
        ({"_own": [1, 2, 3]}, "'_own' cannot be a label"),
        ({"two words": [1, 2, 3]}, "'two words' cannot be a label"),
        ({"at": ["Bob"]}, r"the prompts 'ioi' are 3 and at= has 1 entries"),
        ({"at": 1e9}, r"the prompts 'ioi' have at=1000000000.0"),
        ({"at": "Zoe"}, "the word 'Zoe' does not stand in the prompt 'Ann and Bob went, Bob gave Ann'"),
        ({"at": [1.5, 2.5, 3.5]}, r'give "end", words or integers'),
        ({"at": True}, r'give "end", words or integers'),
    ],
)
def test_what_is_wrong_is_one_sentence(changes, told):
    with pytest.raises(SemphaseError, match=rf"^[^\n]*{told}[^\n]*\.$"):
        ioi(**changes)


@pytest.mark.parametrize("ids", [[], [[]], [[1], []], [[1, -2]], [["a"]], [1, 2]])
def test_token_ids_are_integers_of_two_axes(ids):
    with pytest.raises(SemphaseError, match=r"^[^\n]*'random'[^\n]*\.$"):
        Prompts.of_tokens("random", ids)


def test_token_ids_come_from_arrays_too():
    ids = np.arange(6).reshape(2, 3)
    prompts = Prompts.of_tokens("random", ids, at=-2, copy=[1, 2])
    assert prompts.ids == ((0, 1, 2), (3, 4, 5))
    assert prompts.at == (-2, -2)
    assert prompts == Prompts.of_tokens("random", ids.tolist(), at=[-2, -2], copy=np.array([1, 2]))


@pytest.mark.parametrize(
    ("word", "text", "start"),
    [
        ("bank", "the bank", 4),
        ("bank", "bank by the bank.", 12),
        ("an", "an banana", 0),
        ("an", "banana", -1),
        ("", "a", -1),
    ],
)
def test_a_word_is_found_at_its_last_occurrence_and_not_inside_another(word, text, start):
    assert start_of(word, text) == start


def test_a_choice_keeps_texts_labels_and_positions_together():
    prompts = ioi(at=["Ann", "Max", "Max"])
    for chosen in (prompts[[2, 0]], prompts[np.array([2, 0])]):
        assert chosen.texts == (IOI["texts"][2], IOI["texts"][0])
        assert chosen.at == ("Max", "Ann")
        assert chosen.item.tolist() == [2, 0]
        assert (chosen.name, chosen.origin) == ("ioi", prompts)
    assert prompts[prompts.likely] == prompts[[0, 2]] == prompts[::2]
    assert prompts[1].texts == (IOI["texts"][1],)
    assert prompts.where(answer=" Ann", likely=True) == prompts[[0, 2]]
    assert prompts.where(item=[1, 2]) == prompts[1:]
    with pytest.raises(SemphaseError, match=r"^no prompt of 'ioi' is left in the choice"):
        prompts.where(answer=" Zoe")


def test_a_pair_stays_a_pair():
    other = Prompts.of("corrupt", ["a", "b", "c"], item=[7, 8, 9])
    pair = ioi().paired(other)
    assert pair.partner == other
    assert pair[[2, 0]].partner.texts == ("c", "a")
    first, second = pair.split(by="answer")
    assert first.partner.name == "corrupt/1"
    for half in (first, second):
        assert half.partner.item.tolist() == (half.item + 7).tolist()
    with pytest.raises(SemphaseError, match=r"^ioi \(3 prompts\) and corrupt \(2 prompts\) cannot be paired"):
        ioi().paired(other[:2])


LABELS = st.lists(st.one_of(st.sampled_from("abcde"), st.text(max_size=2)), min_size=2, max_size=30)


@given(LABELS, st.integers(0, 2**32 - 1))
def test_the_parts_of_a_split_share_no_value_and_are_nearly_equal(labels, seed):
    assume(len(set(labels)) > 1)
    prompts = Prompts.of("any", [f"text {row}" for row in range(len(labels))], group=labels, row=range(len(labels)))
    first, second = prompts.split(by="group", seed=seed)
    assert not set(first.group) & set(second.group)
    assert sorted([*first.row, *second.row]) == list(range(len(labels)))
    assert abs(len(first) - len(second)) <= max(labels.count(label) for label in labels)
    assert (first, second) == prompts.split(by="group", seed=seed)
    assert (first.name, second.name) == ("any/1", "any/2")
    assert first.origin is second[:1].origin is prompts


def test_the_seed_draws_the_split():
    prompts = Prompts.of("any", list("abcdefgh"), item=range(8))
    assert len({tuple(prompts.split(by="item", seed=seed)[0].item) for seed in range(20)}) > 5
    with pytest.raises(SemphaseError, match=r"cannot be split by 'one', which has one value only\.$"):
        Prompts.of("any", ["a", "b"], one=[1, 1]).split(by="one")


TEXTS = st.lists(st.text(min_size=1).filter(str.strip), min_size=1, max_size=5)


@given(TEXTS, st.data())
def test_the_hash_changes_with_the_content_and_not_with_the_name(texts, data):
    values = data.draw(st.lists(st.integers(), min_size=len(texts), max_size=len(texts)))
    prompts = Prompts.of("one", texts, value=values)
    assert prompts.sha256 == Prompts.of("two", tuple(texts), value=np.array(values, dtype=object)).sha256
    others = [
        Prompts.of("one", [*texts, "more"], value=[*values, 0]),
        Prompts.of("one", [texts[0] + "x", *texts[1:]], value=values),
        Prompts.of("one", texts, value=[values[0] + 1, *values[1:]]),
        Prompts.of("one", texts, values=values),
        Prompts.of("one", texts),
        Prompts.of("one", texts, at=-1, value=values),
        Prompts.of_tokens("one", [[1]] * len(texts), value=values),
        prompts.paired(prompts),
    ]
    assert len({prompts.sha256, *(other.sha256 for other in others)}) == 1 + len(others)


@pytest.mark.parametrize("suffix", [".toml", ".json"])
def test_a_file_has_the_same_keys(tmp_path, suffix):
    data = {"name": "ioi", "at": "went", **IOI}
    path = tmp_path / f"ioi{suffix}"
    text = json.dumps(data)
    if suffix == ".toml":
        text = "\n".join(f"{name} = {json.dumps(value)}" for name, value in data.items())
    path.write_text(text)
    assert Prompts.load(path) == ioi(at="went")
    path.write_text(text.replace("texts", "text"))
    with pytest.raises(SemphaseError, match=rf"^the prompts in .*{suffix} need either texts or ids"):
        Prompts.load(path)


def test_a_file_of_token_ids(tmp_path):
    path = tmp_path / "random.json"
    path.write_text('{"name": "random", "ids": [[1, 2], [3, 4]], "at": [0, 1], "copy": [5, 6]}')
    assert Prompts.load(path) == Prompts.of_tokens("random", [[1, 2], [3, 4]], at=[0, 1], copy=[5, 6])


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\xff\xfe\x00", "cannot be read"),
        (b"{", "are not valid JSON"),
        (b"[1]", "are no table of keys"),
        (b'{"name": "a", "texts": "one"}', "are 'one'; give a list"),
        (b'{"texts": ["one"]}', "needs a name"),
        (b'{"name": "a", "texts": ["one"], "label": [1]}', "'label' cannot be a label"),
    ],
)
def test_a_broken_file_is_one_sentence_that_names_it(tmp_path, content, told):
    path = tmp_path / "mine.json"
    path.write_bytes(content)
    with pytest.raises(SemphaseError, match=rf"^[^\n]*mine\.json[^\n]*{told}[^\n]*\.$"):
        Prompts.load(path)
    with pytest.raises(SemphaseError, match=r"^the prompts .*none\.toml cannot be read"):
        Prompts.load(tmp_path / "none.toml")


def test_a_lexicon_s_prompts_are_read_at_the_word():
    lexicon = load_lexicon(fixture("lexicon/grammar.toml"))
    prompts = Prompts.from_lexicon(lexicon, ("direction_a", "neutral"))
    word = lexicon.words[1]
    own = prompts.where(word=word.word)
    assert own.texts == (*word.direction_a, *word.neutral)
    assert own.where(role="direction_a").sense.tolist() == ["a"] * len(word.direction_a)
    assert own.where(role="neutral").sense.tolist() == [""] * len(word.neutral)
    assert own.at == (word.word,) * len(own)
    with pytest.raises(SemphaseError, match=r"^a lexicon has no role 'direction'; choose direction_a, "):
        Prompts.from_lexicon(lexicon, "direction")


def test_sets_are_plain_data_without_torch():
    told = "import sys, semphase.data.prompts; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", told]).returncode == 0


def test_equal_sets_are_one_key():
    assert {ioi(): 1}[ioi()] == 1
    assert ioi() != replace(ioi(), name="other")
