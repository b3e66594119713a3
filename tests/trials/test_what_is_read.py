"""Only what the chosen claims read is checked: the rest may be missing, unreadable or in another language."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from semphase import LEXICON, TEXT, Prompts
from semphase.data.lexicon import dump
from semphase.errors import SemphaseError
from semphase.plugin.needs import lacks
from semphase.study import JointStudy, RunSettings, Study, check_settings, close_studies, open_study
from semphase.study.identity import identity_of
from semphase.verdict import Claim, Needs, above

if TYPE_CHECKING:
    from tests.projects import Make

OWN = Prompts.of("own", ["the bank of the river .", "the bank of the town ."])


@pytest.fixture
def settings(tmp_path: Path, lexicon, corpus) -> RunSettings:
    """Good data of one's own, which a test makes worse."""
    (tmp_path / "words.toml").write_text(dump(lexicon), encoding="utf-8")
    (tmp_path / "text.txt").write_text(corpus.text, encoding="utf-8")
    (tmp_path / "broken.toml").write_text("[[word]\n")
    (tmp_path / "latin.txt").write_bytes("é".encode("latin-1"))
    (tmp_path / "foreign.txt").write_text("Überraschung " * 600, encoding="utf-8")
    close_studies()
    return RunSettings(
        ("tiny",), "cpu", str(tmp_path / "text.txt"), (tmp_path / "words.toml",), "quick", tmp_path / "out",
        tmp_path / "store", 3, "float32", None,
    )  # fmt: skip


@pytest.fixture
def unreadable(settings: RunSettings, tmp_path: Path) -> RunSettings:
    """Neither lexicon nor corpus can be read."""
    return replace(settings, lexicons=(tmp_path / "broken.toml",), corpus=str(tmp_path / "latin.txt"))


def refused(call: Callable[[], object], said: str) -> None:
    with pytest.raises(SemphaseError, match=said) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_two_models_without_a_corpus_are_asked_for_none_where_no_claim_reads_text(settings, monkeypatch):
    def ask(_settings: RunSettings) -> None:
        raise SemphaseError("somebody asked for a corpus")

    monkeypatch.setattr("semphase.study.checking.corpus_of", ask)
    both = replace(settings, models=("tiny", "tiny-deep"), corpus=None)
    for data in ((LEXICON,), (OWN,), ()):
        check_settings(both, dict.fromkeys(both.models, data))
    refused(lambda: check_settings(both, {"tiny": (), "tiny-deep": (TEXT,)}), "somebody asked")


@pytest.mark.parametrize("data", [(TEXT,), (OWN,), (), (TEXT, OWN)])
def test_a_lexicon_that_cannot_be_read_stops_those_alone_that_read_it(settings, tmp_path, data):
    for words in ("broken.toml", "none.toml", "latin.txt"):
        own = replace(settings, lexicons=(tmp_path / words,))
        check_settings(own, {"tiny": data})
        refused(lambda own=own: check_settings(own, {"tiny": (*data, LEXICON)}), words)


@pytest.mark.parametrize("data", [(LEXICON,), (OWN,), (), (LEXICON, OWN)])
def test_a_corpus_that_cannot_be_read_stops_those_alone_that_read_it(settings, tmp_path, data):
    for text in ("latin.txt", "none.txt", "foreign.txt"):
        own = replace(settings, corpus=str(tmp_path / text))
        check_settings(own, {"tiny": data})
        refused(lambda own=own: check_settings(own, {"tiny": (*data, TEXT)}), text)


def test_one_model_s_claims_say_nothing_of_another_s(settings, tmp_path):
    foreign = replace(settings, corpus=str(tmp_path / "foreign.txt"))
    check_settings(foreign, {"tiny": (LEXICON,), "tiny-deep": ()})
    refused(lambda: check_settings(foreign, {"tiny": (LEXICON,), "tiny-deep": (TEXT,)}), "unknown to tiny-deep")


def test_a_study_is_opened_without_what_cannot_be_read_and_says_so_when_it_is_asked(unreadable):
    study = open_study(unreadable, ("tiny",))
    assert isinstance(study, Study)
    refused(lambda: study.lexicon.words, r"broken\.toml")
    refused(lambda: study.text.chunks("judge"), r"latin\.txt is not UTF-8")
    refused(lambda: study.varied(words=2), r"broken\.toml")
    told = study.provenance()
    assert (told["corpus"], told["lexicon"]) == (None, None)
    assert [note.partition(":")[0] for note in told["notices"]] == [
        "the lexicon was not read", "the corpus was not read",
    ]  # fmt: skip
    assert study.prompts(OWN).logits().shape[0] == 2


def test_a_verdict_s_key_knows_what_was_not_read(settings, unreadable):
    told = identity_of(open_study(unreadable, ("tiny",)))["studies"][0]
    assert (told["corpus"], told["lexicon"]) == (None, None)
    readable = identity_of(open_study(settings, ("tiny",)))["studies"][0]
    assert readable["corpus"][0] == "text.txt"
    assert {name for name in told if told[name] != readable[name]} == {"corpus", "lexicon"}


def test_what_can_be_read_is_read_beside_what_cannot(settings, tmp_path):
    no_words = open_study(replace(settings, lexicons=(tmp_path / "broken.toml",)), ("tiny",))
    assert no_words.text.chunks("judge").size
    assert no_words.provenance()["corpus"]["name"] == "text.txt"
    no_text = open_study(replace(settings, corpus=str(tmp_path / "latin.txt")), ("tiny", "tiny-deep"))
    assert isinstance(no_text, JointStudy)
    assert len(no_text.lexicon.words) == no_text.provenance()["lexicon"]["words"]
    assert no_text.provenance()["corpus"] is None


def test_a_claim_that_needs_no_words_asks_for_none(unreadable):
    def claim(words: int) -> Claim:
        return Claim("a.b", "x", "x > 0", (above(0.0),), "mean", "ours", "none: none", needs=Needs(words=words))

    study = open_study(unreadable, ("tiny",))
    assert lacks(claim(1), study) == ""
    refused(lambda: lacks(claim(2), study), r"broken\.toml")


MINE = """
from semphase import TEXT, Prompts, above, claim, mean

WORDS = Prompts.of("words", ["the bank", "a bank", "the key", "a key"])
USUAL = dict(statement="x", criterion="m > -1e9", parts=above(-1e9), estimator="mean", source="ours", control="none: a try")

@claim("mine.prompts", data=WORDS, **USUAL)
def test_prompts(study, judge):
    judge(mean(study.prompts(WORDS).losses().mean("position")))

@claim("mine.unsaid", **USUAL)
def test_unsaid(study, judge):
    judge(mean(study.text.losses()))

@claim("mine.text", data=TEXT, **USUAL)
def test_text(study, judge):
    raise AssertionError("it was to be refused before")
"""


@pytest.mark.slow
def test_a_run_judges_what_it_can_and_refuses_what_reads_the_unreadable(make: Make) -> None:
    project = make(MINE)
    project.write("conftest.py", "")
    (project.folder / "latin.txt").write_bytes("é".encode("latin-1"))
    options = ("--semphase-budget=quick", "--semphase-lexicon=none.toml", "--semphase-corpus=latin.txt")
    ran = project.run(*options, "--semphase-claims=mine.prompts", "--semphase-claims=mine.unsaid")
    assert ran.code == 1, ran.out + ran.err
    assert ran.entries["mine.prompts"]["verdict"] == "supported"
    assert ran.entries["mine.unsaid"]["outcome"] == "error"
    assert "latin.txt is not UTF-8" in ran.entries["mine.unsaid"]["reason"]
    assert ran.document is not None
    assert (ran.document["run"]["corpus"], ran.document["run"]["lexicon"]) == (None, None)
    assert any("the lexicon was not read" in note for note in ran.document["run"]["notices"])
    ran = project.run(*options, "--semphase-claims=mine.*", "--semphase-out=second")
    assert ran.code == 4
    assert ran.err.strip() == "ERROR: the corpus latin.txt is not UTF-8 text; convert it first"
    assert not (project.folder / "second").exists()
