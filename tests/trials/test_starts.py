"""With a BOS token or without: what a model was trained to is told, and may be chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from random_models import random_folder
from tokenizers.processors import TemplateProcessing

from semphase.errors import SemphaseError
from semphase.measure.starts import perplexities
from semphase.measure.text import text_chunks
from semphase.models import Model, load, reinitialised
from semphase.models.read import read_tokenizer
from semphase.store import Store
from semphase.study.description import described
from semphase.study.measuring import tokenizer_hash
from semphase.study.start import start_notice

TEXT = "the bank near the boat"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of a gpt2 and a llama model, and of a llama model whose tokenizer puts BOS in front."""
    made = tmp_path_factory.mktemp("models")
    for family in ("gpt2", "llama"):
        random_folder(family, made)
    begun = random_folder("llama", made, 1)
    tokenizer = read_tokenizer(begun)
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 0)])
    tokenizer.save_pretrained(begun)
    return made


@pytest.fixture(params=["gpt2-0", "llama-0", "llama-1"])
def read(home: Path, request: pytest.FixtureRequest) -> Callable[[str], Model]:
    return lambda bos: load(str(home / request.param), device="cpu", bos=bos)


def test_a_text_with_and_without_the_token(read):
    default, begun, bare = (read(bos) for bos in ("default", "yes", "no"))
    assert (begun.prepend_bos, bare.prepend_bos) == (True, False)
    assert begun.encode(TEXT) == [0, *bare.encode(TEXT)]
    assert default.encode(TEXT) == (begun if default.prepend_bos else bare).encode(TEXT)
    assert 0 not in bare.encode(TEXT)


def test_chunks_of_a_corpus_and_untrained_copies_start_alike(read):
    for bos in ("yes", "no"):
        model = read(bos)
        chunks = text_chunks(model, f"{TEXT} . " * 60, None)
        assert (chunks[:, 0] == 0).all() == (bos == "yes")
        assert reinitialised(model, 0).encode(TEXT) == model.encode(TEXT)


def test_the_report_says_what_was_asked_and_numbers_are_kept_apart(read):
    default, begun, bare = (read(bos) for bos in ("default", "yes", "no"))
    assert "bos" not in described(default)
    assert described(begun)["bos"] == "yes"
    assert tokenizer_hash(begun) != tokenizer_hash(bare)
    assert tokenizer_hash(default) in (tokenizer_hash(begun), tokenizer_hash(bare))


def test_a_model_without_the_token(home, tmp_path):
    model = load(str(home / "llama-0"), device="cpu")
    model.module.config.bos_token_id = model.tokenizer.bos_token = None
    with pytest.raises(SemphaseError, match="this llama model has no BOS token"):
        replace(model, bos="yes").encode(TEXT)


@pytest.fixture
def needing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Models whose losses are high unless token 0 stands in front."""

    def found(model: Model, tokens: torch.Tensor, bos: int) -> tuple[float, float]:
        assert bos == 0
        assert 0 not in tokens
        return 67.8, 37.1

    monkeypatch.setattr("semphase.study.start.perplexities", found)


@pytest.mark.usefixtures("needing")
def test_a_start_that_does_not_suit_is_told_with_both_perplexities(home, study_of):
    said = start_notice(study_of(load(str(home / "llama-0"), device="cpu")))
    assert said is not None
    assert "is read without a BOS token" in said
    assert "its perplexity is 67.8 so and 37.1 with one; read it that way with --bos yes" in said


@pytest.mark.usefixtures("needing")
@pytest.mark.parametrize(("name", "bos"), [("llama-1", "default"), ("gpt2-0", "default"), ("llama-0", "no")])
def test_nothing_is_said_of_a_start_that_suits_or_was_asked_for(home, study_of, name, bos):
    assert start_notice(study_of(load(str(home / name), device="cpu", bos=bos))) is None


def test_the_reverse_is_told_as_well(home, study_of, monkeypatch):
    monkeypatch.setattr("semphase.study.start.perplexities", lambda *_: (20.0, 30.0))
    said = start_notice(study_of(load(str(home / "llama-1"), device="cpu")))
    assert said is not None
    assert "is read with a BOS token" in said
    assert "30 so and 20 without one; read it that way with --bos no" in said


@pytest.mark.parametrize("family", ["gpt2", "llama", "opt", "gpt_neox", "gemma3_text"])
def test_both_perplexities_are_of_the_same_tokens(home, family):
    model = load(str(random_folder(family, home)), device="cpu")
    tokens = torch.tensor([5, 9, 30, 7, 12])

    def loss(ids: list[int], skipped: int) -> float:
        found = torch.tensor([ids])
        logs = model.module(found).logits.log_softmax(dim=-1)[0, :-1]
        return float(-logs.gather(1, found[0, 1:, None])[skipped:].mean())

    ids = tokens.tolist()
    wanted = torch.tensor([loss(ids, 0), loss([0, *ids], 1)]).exp()
    torch.testing.assert_close(torch.tensor(perplexities(model, tokens, 0)), wanted, rtol=1e-5, atol=0)


def test_the_chunk_is_measured_once(home, study_of, monkeypatch, tmp_path):
    model, calls = load(str(home / "llama-0"), device="cpu"), []
    monkeypatch.setattr("semphase.study.start.perplexities", lambda *_: calls.append(1) or (2.0, 2.0))
    for _ in range(2):
        start_notice(study_of(model, store=Store(tmp_path / "kept")))
    assert len(calls) == 1
