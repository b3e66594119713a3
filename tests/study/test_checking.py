"""Bad options are refused before anything is measured, each in a sentence."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from semphase import LEXICON, TEXT
from semphase.data.lexicon import Lexicon, dump
from semphase.errors import SemphaseError
from semphase.study import RunSettings, check_settings

BOTH = (LEXICON, TEXT)


def refused(settings: RunSettings, sentence: str, **change: object) -> None:
    changed = replace(settings, **change)
    with pytest.raises(SemphaseError, match=sentence) as caught:
        check_settings(changed, dict.fromkeys(changed.models, BOTH))
    assert "\n" not in str(caught.value)


def test_good_settings_pass(settings):
    check_settings(settings, {"tiny": BOTH})


def test_unknown_models(settings):
    refused(settings, "there is no model 'tyni': did you mean tiny", models=("tiny", "tyni"))
    refused(settings, "there is no model file or folder ./nowhere", models=("./nowhere",))


def test_devices_that_are_not_there(settings):
    refused(settings, "there is no device 'tpu'", device="tpu")
    if not torch.cuda.is_available():
        refused(settings, "the device cuda was asked for but this machine has none", device="cuda")


def test_a_store_that_cannot_be_reached(settings):
    refused(settings, "the store nonsense://x is nothing that fsspec can open", remote="nonsense://x")


def foreign(files, lexicon) -> Lexicon:
    """A lexicon whose one word the tiny model's tokenizer does not know."""
    palm = replace(lexicon.words[0], word="palm")
    sentences = {
        role: tuple(text.removesuffix("bank") + "palm" for text in palm.prompts(role)) for role in palm.__slots__[3:]
    }
    return Lexicon((replace(palm, **sentences),))


def test_lexicons(settings, files, lexicon):
    refused(settings, "lexicon .*none.toml cannot be read", lexicons=(files / "none.toml",))
    twice = (files / "words.toml", files / "more.toml")
    (files / "more.toml").write_text(dump(Lexicon(lexicon.words[1:2])), encoding="utf-8")
    refused(settings, f"the lexicons together has the word '{lexicon.names[1]}' twice", lexicons=twice)
    (files / "foreign.toml").write_text(dump(foreign(files, lexicon)), encoding="utf-8")
    refused(settings, "the word 'palm' cannot be found by tiny's tokenizer", lexicons=(files / "foreign.toml",))


def test_corpora(settings, files):
    refused(settings, "there is no corpus", corpus=str(files / "none.txt"))
    (files / "empty.txt").write_text(" \n")
    refused(settings, "empty.txt is empty", corpus=str(files / "empty.txt"))
    (files / "short.txt").write_text("the bank of the river .")
    refused(settings, "the corpus short.txt has .* tokens but 500 are needed", corpus=str(files / "short.txt"))
    (files / "latin.txt").write_bytes("é".encode("latin-1"))
    refused(settings, "latin.txt is not UTF-8", corpus=str(files / "latin.txt"))


def test_only_what_is_read_is_checked(settings, files, lexicon):
    (files / "foreign.toml").write_text(dump(foreign(files, lexicon)), encoding="utf-8")
    (files / "short.txt").write_text("the bank of the river .")
    words = replace(settings, lexicons=(files / "foreign.toml",))
    text = replace(settings, corpus=str(files / "short.txt"))
    for data in ((), (TEXT,)):
        check_settings(words, {"tiny": data})
    for data in ((), (LEXICON,)):
        check_settings(text, {"tiny": data})
    check_settings(replace(settings, device="tpu", store=files / "text.txt"), {})


def test_a_lexicon_of_the_claim_is_checked_as_well(settings, files, lexicon):
    check_settings(settings, {"tiny": (lexicon,)})
    with pytest.raises(SemphaseError, match="the word 'palm' cannot be found by tiny's tokenizer"):
        check_settings(settings, {"tiny": (foreign(files, lexicon),)})
