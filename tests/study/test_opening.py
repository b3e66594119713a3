"""Bad options are refused before anything is measured, each in a sentence."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from semphase.data.lexicon import Lexicon, dump
from semphase.errors import SemphaseError
from semphase.study import JointStudy, RunSettings, Study, check_settings, open_study
from semphase.study.opening import speaks_grammar


@pytest.fixture
def files(tmp_path, lexicon, corpus):
    """A folder with a small lexicon and a corpus."""
    (tmp_path / "words.toml").write_text(dump(lexicon), encoding="utf-8")
    (tmp_path / "text.txt").write_text(corpus.text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def settings(files) -> RunSettings:
    return RunSettings(
        models=("tiny",),
        device="cpu",
        corpus=str(files / "text.txt"),
        lexicons=(files / "words.toml",),
        budget="quick",
        out=files / "out",
        store=files / "store",
        seed=3,
        dtype="float32",
        memory=None,
    )


def refused(settings: RunSettings, sentence: str, **change: object) -> None:
    with pytest.raises(SemphaseError, match=sentence) as caught:
        check_settings(replace(settings, **change))
    assert "\n" not in str(caught.value)


def test_good_settings_pass(settings):
    check_settings(settings)


def test_unknown_models(settings):
    refused(settings, "there is no model 'tyni': did you mean tiny", models=("tiny", "tyni"))
    refused(settings, "there is no model file or folder ./nowhere", models=("./nowhere",))


def test_devices_that_are_not_there(settings):
    refused(settings, "there is no device 'tpu'", device="tpu")
    if not torch.cuda.is_available():
        refused(settings, "the device cuda was asked for but this machine has none", device="cuda")


def test_lexicons(settings, files, lexicon):
    refused(settings, "lexicon .*none.toml cannot be read", lexicons=(files / "none.toml",))
    twice = (files / "words.toml", files / "more.toml")
    (files / "more.toml").write_text(dump(Lexicon(lexicon.words[1:2])), encoding="utf-8")
    refused(settings, f"the lexicons together has the word '{lexicon.names[1]}' twice", lexicons=twice)
    palm = replace(lexicon.words[0], word="palm")
    sentences = {
        role: tuple(text.removesuffix("bank") + "palm" for text in palm.prompts(role)) for role in palm.__slots__[3:]
    }
    (files / "foreign.toml").write_text(dump(Lexicon((replace(palm, **sentences),))), encoding="utf-8")
    refused(settings, "the word 'palm' cannot be found by tiny's tokenizer", lexicons=(files / "foreign.toml",))


def test_corpora(settings, files):
    refused(settings, "there is no corpus", corpus=str(files / "none.txt"))
    (files / "empty.txt").write_text(" \n")
    refused(settings, "empty.txt is empty", corpus=str(files / "empty.txt"))
    (files / "short.txt").write_text("the bank of the river .")
    refused(settings, "the corpus short.txt has .* tokens but 500 are needed", corpus=str(files / "short.txt"))
    (files / "latin.txt").write_bytes("é".encode("latin-1"))
    refused(settings, "latin.txt is not UTF-8", corpus=str(files / "latin.txt"))


def test_one_model_gives_a_study_and_several_a_joint_one(settings, lexicon):
    study = open_study(settings, ("tiny",))
    assert isinstance(study, Study)
    assert (study.label, study.seed, study.budget.name) == ("tiny", 3, "quick")
    assert study.lexicon == lexicon
    joint = open_study(settings, ("tiny", "tiny"))
    assert isinstance(joint, JointStudy)
    assert joint.each == (study, study)  # opened once
    assert open_study(settings, ()) == JointStudy(())


def test_several_lexicons_are_one(settings, files, lexicon):
    parts = (files / "first.toml", files / "second.toml")
    for path, words in zip(parts, (lexicon.words[:1], lexicon.words[1:]), strict=True):
        path.write_text(dump(Lexicon(words)), encoding="utf-8")
    assert open_study(replace(settings, lexicons=parts), ("tiny",)).lexicon == lexicon


@pytest.mark.parametrize(
    ("models", "grammar"), [(("tiny",), True), (("tiny", "tiny-deep"), True), (("tiny", "gpt2"), False), ((), False)]
)
def test_the_generated_language_is_for_the_tiny_models_alone(models, grammar):
    assert speaks_grammar(models) is grammar
