"""Texts become tokens that the model has, and no text becomes a special token by what it writes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from random_models import random_folder
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from semphase import TEXT
from semphase.data.prompts import Prompts
from semphase.errors import SemphaseError
from semphase.measure.locating import items_of
from semphase.models import Model, load
from semphase.models.read import read_tokenizer
from semphase.models.tokens import special_notice, specials_in
from semphase.study import RunSettings, check_settings
from semphase.study.measuring import data_identity

END = "<|endoftext|>"
SAID = f"the end {END} and {END}"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture
def folder(home: Path, tmp_path: Path) -> Callable[..., Path]:
    """A llama folder, its tokenizer changed by a function and written anew."""

    def make(change: Callable[[PreTrainedTokenizerFast], object] = lambda _: None) -> Path:
        made = shutil.copytree(random_folder("llama", home), tmp_path / "model")
        tokenizer = read_tokenizer(made)
        change(tokenizer)
        tokenizer.save_pretrained(made)
        return made

    return make


def letters() -> PreTrainedTokenizerFast:
    """A byte-level tokenizer, as those of GPT-2 and Llama 3 are, with one special token."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(BPE({letter: number for number, letter in enumerate(alphabet)}, []))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=inner, bos_token=END, eos_token=END)


@pytest.fixture
def spelling(home: Path, tmp_path: Path) -> Model:
    """A model whose tokenizer spells every text, and that has its special token beside the letters."""
    made = shutil.copytree(random_folder("llama", home), tmp_path / "spelling")
    letters().save_pretrained(made)
    model = load(str(random_folder("llama", home)), device="cpu")
    return replace(model, name="spelling", tokenizer=read_tokenizer(made))


def refused(path: Path) -> str:
    with pytest.raises(SemphaseError) as caught:
        load(str(path), device="cpu")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def rows(folder: Path) -> int:
    return int(json.loads((folder / "config.json").read_text())["vocab_size"])


def test_words_beyond_the_embedding(folder):
    made = folder(lambda tokenizer: tokenizer.add_tokens(["xyzzy", "plugh"]))
    assert f"has {rows(made) + 2} tokens and the model's embedding {rows(made)} rows" in refused(made)


def test_the_tokenizer_of_a_larger_model(home, tmp_path):
    made = shutil.copytree(random_folder("llama", home), tmp_path / "model")
    wide = Tokenizer(BPE({chr(0x4E00 + number): number for number in range(1000)}, []))
    PreTrainedTokenizerFast(tokenizer_object=wide).save_pretrained(made)
    assert f"has 1000 tokens and the model's embedding {rows(made)} rows" in refused(made)


def test_a_bos_token_beyond_the_embedding(folder):
    def begin(tokenizer: PreTrainedTokenizerFast) -> None:
        tokenizer.add_special_tokens({"bos_token": "<far>"})
        special = [("<far>", tokenizer.bos_token_id)]
        tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single="<far> $A", special_tokens=special)

    made = folder(begin)
    assert f"has {rows(made) + 1} tokens" in refused(made)


def test_it_is_refused_at_the_start(folder, tmp_path):
    made = folder(lambda tokenizer: tokenizer.add_tokens(["xyzzy"]))
    names = (str(made),)
    settings = RunSettings(names, "cpu", None, (), "quick", tmp_path / "out", tmp_path / "store", 0, "float32", None)
    with pytest.raises(SemphaseError, match="tokens and the model's embedding"):
        check_settings(settings, {names[0]: (TEXT,)})


def test_a_special_token_beyond_the_embedding_that_no_text_becomes(folder):
    made = folder(lambda tokenizer: tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]}))
    model = load(str(made), device="cpu")
    assert max(model.encode("the <image> bank")) < rows(made)


def test_an_embedding_with_rows_to_spare(home, tmp_path):
    made = shutil.copytree(random_folder("llama", home), tmp_path / "model")
    narrow = Tokenizer(BPE({"a": 0, "b": 1}, []))
    PreTrainedTokenizerFast(tokenizer_object=narrow).save_pretrained(made)
    assert load(str(made), device="cpu").encode("ab") == [0, 1]


def test_a_special_token_in_a_text_is_text(spelling):
    special = spelling.tokenizer.convert_tokens_to_ids(END)
    assert special not in spelling.encode(SAID)
    assert spelling.tokenizer.decode(spelling.encode(SAID)) == SAID


def test_a_special_token_in_a_prompt_is_text_and_the_word_behind_it_is_found(spelling):
    prompts = Prompts.of("said", [SAID, f"{END} bank"], at=["and", "bank"])
    items = items_of(replace(spelling, prepend_bos=False), prompts)
    special = spelling.tokenizer.convert_tokens_to_ids(END)
    assert all(special not in own for own in items.tokens)
    assert items.at[1] == len(f"{END} bank") - 1


def test_texts_without_special_tokens_have_the_tokens_of_before(spelling):
    text = "Fun <b> [x] | end of text <|end|>"
    before = letters()
    assert not before.split_special_tokens
    assert spelling.encode(text) == before.encode(text)
    assert specials_in(spelling, text) == ()


def test_a_notice_counts_what_a_text_writes_out(spelling):
    assert special_notice(spelling, "the corpus own.txt", SAID) == (
        f"the corpus own.txt writes out special tokens of spelling 2 times ({END}), read as any other text"
    )
    assert special_notice(spelling, "the corpus own.txt", "nothing") is None


def test_a_tokenizer_of_whole_words_cannot_spell_its_special_tokens(home):
    model = load(str(random_folder("llama", home)), device="cpu")
    said = special_notice(model, "the corpus own.txt", "the <unk> bank <bos>")
    assert said is not None
    assert "2 times (<bos>, <unk>), read <bos>, <unk> as the token, a word of its tokenizer" in said


def test_what_was_measured_of_such_a_text_before_is_not_taken_for_it(spelling, study_of, corpus, monkeypatch):
    study = study_of(spelling, corpus=replace(corpus, text=SAID))
    plain = study_of(spelling)
    now, clean = data_identity(study, study.corpus), data_identity(plain, plain.corpus)
    monkeypatch.setattr("semphase.study.measuring.specials_in", lambda *_: ())
    assert now != data_identity(study, study.corpus)
    assert clean == data_identity(plain, plain.corpus)
