"""Corpora: named, from files, by default; one sentence for whatever cannot be read."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from semphase.data.corpus import grammar, sources
from semphase.errors import SemphaseError
from semphase.science.cvfp.spending import SIZES
from semphase.study.budget import BUDGETS


def refused(name: str | Path) -> str:
    with pytest.raises(SemphaseError) as caught:
        sources.load(str(name))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_grammar_corpus_is_held_out_text_of_the_language():
    corpus = sources.load("grammar")
    words = corpus.text.split()
    assert len(words) >= 250_000  # what the source read of WikiText-2
    assert set(words) <= set(grammar.vocabulary())
    assert corpus.text[:2000] not in grammar.sample_text(sources.GRAMMAR_TOKENS, 1)


@pytest.mark.parametrize("name", ["grammar", "pydoc"])
def test_a_corpus_is_the_same_every_time(name):
    first, again = sources.load(name), sources.load(name)
    assert first == again
    assert first.sha256 == hashlib.sha256(first.text.encode()).hexdigest()


def test_pydoc_is_english_prose_without_repetition():
    paragraphs = sources.load("pydoc").text.split("\n\n")
    words = " ".join(paragraphs).lower().split()
    assert len(words) > 25_000
    assert len(set(paragraphs)) == len(paragraphs)
    assert not any(mark in part for part in paragraphs for mark in (">>>", "::=", "`", "*", "\n"))
    # These sixteen make up a third of running English; in code there are hardly any.
    common = {
        "the",
        "a",
        "an",
        "of",
        "to",
        "in",
        "is",
        "are",
        "and",
        "or",
        "if",
        "that",
        "this",
        "it",
        "for",
        "be",
    }
    assert sum(word.strip(".,:;()") in common for word in words) / len(words) > 0.3


def test_pydoc_is_long_enough_for_the_standard_budget():
    sizes = SIZES["standard"]
    of_contexts = (max(sizes.documents) + sizes.validation_documents) * sizes.document_tokens
    # Tokenizers of subwords make at least one token of a word.
    assert len(sources.load("pydoc").text.split()) >= max(BUDGETS["standard"].tokens, of_contexts)


def test_a_text_file(tmp_path):
    path = tmp_path / "story.txt"
    path.write_bytes("\ufeffEs war einmal …\r\nEnde".encode())
    corpus = sources.load(str(path))
    assert (corpus.name, corpus.text) == ("story.txt", "Es war einmal …\nEnde")


@pytest.mark.parametrize(
    ("content", "why"), [(b"", "is empty"), (b" \n\n", "is empty"), (b"caf\xe9", "is not UTF-8 text")]
)
def test_files_without_text(tmp_path, content, why):
    (tmp_path / "bad.txt").write_bytes(content)
    assert f"bad.txt {why}" in refused(tmp_path / "bad.txt")


def test_a_file_that_is_not_there():
    known = "wikitext-2, ultrachat, grammar, pydoc or a text file"
    assert refused("no/such.txt") == f"there is no corpus 'no/such.txt': choose {known}"


def test_a_folder(tmp_path):
    assert "cannot be read (Is a directory)" in refused(tmp_path)


def test_too_short_a_corpus():
    corpus = sources.Corpus("story.txt", "a b c", "")
    sources.require_tokens(corpus, 3, 3)
    with pytest.raises(SemphaseError, match=r"^the corpus story.txt has 3 tokens but 4 are needed; give a longer"):
        sources.require_tokens(corpus, 3, 4)


@pytest.mark.parametrize("model", ["tiny-short", "tiny", "tiny-deep"])
def test_tiny_models_read_their_own_language(model):
    corpus, notice = sources.default_corpus(model)
    assert (corpus.name, notice) == ("grammar", None)


@pytest.fixture
def no_hub(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


def test_other_models_read_pydoc_with_a_notice_where_wikitext_cannot_be_had(no_hub):
    corpus, notice = sources.default_corpus("gpt2")
    assert corpus.name == "pydoc"
    assert notice.startswith("reading pydoc instead of wikitext-2: Salesforce/wikitext is not in the cache")
    assert str(no_hub) in notice


@pytest.mark.parametrize("name", ["wikitext-2", "ultrachat"])
def test_what_cannot_be_had_from_the_hub_names_the_ways_out(no_hub, name):
    assert refused(name).endswith("use --corpus PATH with a text file, or --corpus pydoc")


@pytest.fixture
def cached(no_hub, tmp_path, monkeypatch):
    """`cached(repository, file, columns)` puts a data set's file into the local cache."""
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "datasets"))
    datasets.disable_progress_bars()

    def put(repository, file, columns):
        home = no_hub / f"datasets--{repository.replace('/', '--')}"
        path = home / "snapshots" / ("0" * 40) / file
        path.parent.mkdir(parents=True)
        (home / "refs").mkdir()
        (home / "refs" / "main").write_text("0" * 40)
        datasets.Dataset.from_dict(columns).to_parquet(path)

    return put


def test_wikitext_from_the_cache(cached):
    rows = ["", " = Robert <unk> = \n", " He was an actor . \n"]
    cached("Salesforce/wikitext", "wikitext-2-raw-v1/test-00000-of-00001.parquet", {"text": rows})
    corpus, notice = sources.default_corpus("gpt2")
    assert (corpus.name, corpus.text, notice) == ("wikitext-2", "\n\n".join(rows), None)


def test_ultrachat_from_the_cache_is_its_dialogues_turn_by_turn(cached):
    dialogues = [["Who was first?", "Robert."], ["And then?", "Nobody."]]
    messages = [[{"content": turn, "role": "user"} for turn in turns] for turns in dialogues]
    columns = {"prompt": ["Who was first?", "And then?"], "messages": messages}
    cached("HuggingFaceH4/ultrachat_200k", "data/test_sft-00000-of-00001-f7dfac4afe5b93f4.parquet", columns)
    corpus = sources.load("ultrachat")
    assert (corpus.name, corpus.text) == ("ultrachat", "Who was first?\nRobert.\n\nAnd then?\nNobody.")


@pytest.mark.slow
def test_an_unreachable_hub_fails_soon(tmp_path):
    code = "from semphase.data.corpus import sources; print(sources.default_corpus('gpt2')[1])"
    settings = os.environ | {
        "HF_HOME": str(tmp_path),
        "HF_HUB_OFFLINE": "0",
        "HF_ENDPOINT": "http://127.0.0.1:9",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, env=settings, check=True
    )
    assert done.stdout.startswith("reading pydoc instead of wikitext-2")
