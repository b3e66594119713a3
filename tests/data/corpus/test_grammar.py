"""The language is what it says, and the packaged models and prompts are the ones it gives."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import math
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest
import torch
from transformers import AutoTokenizer, GPT2LMHeadModel

from semphase.data.corpus import grammar
from semphase.data.corpus import grammar_prompts as prompts
from semphase.data.corpus.topics import AMBIGUOUS, RELIABILITY, TOPICS

FIXTURES = Path(__file__).parents[3] / "fixtures"
MODELS = ("tiny-short", "tiny", "tiny-deep")
SIDES = {"a": 1, "b": -1}
ENTRIES = prompts.lexicon()
by_word = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["word"])


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_tiny", FIXTURES / "make_tiny.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def sentences() -> list[list[str]]:
    text = grammar.sample_text(120_000, seed=11).replace("\n", " ")
    return [sentence.split() for sentence in text.split(" .")]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small matrices on many threads wait for each other more than they compute."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)


def figures() -> dict[str, dict]:
    return json.loads((FIXTURES / "tiny.json").read_text())


# --- the language ---


def test_a_seed_fixes_the_text_and_a_longer_text_continues_it() -> None:
    text = grammar.sample_text(500, seed=3)
    assert text == grammar.sample_text(500, seed=3)
    assert grammar.sample_text(2000, seed=3).startswith(text)
    assert text != grammar.sample_text(500, seed=4)


def test_text_has_the_length_and_form_asked_for() -> None:
    text = grammar.sample_text(3000, seed=5)
    assert 3000 <= len(text.split()) < 3100
    assert all(document.endswith(" .") for document in text.split("\n"))
    assert "  " not in text


def test_the_generator_stays_as_it_was() -> None:
    digest = hashlib.sha256(grammar.sample_text(10_000, seed=0).encode()).hexdigest()
    assert digest == figures()["language"]["sample_sha256"]


def test_text_uses_the_vocabulary_and_all_of_it(sentences: list[list[str]]) -> None:
    words = grammar.vocabulary()
    assert len(set(words)) == len(words)
    assert {word for sentence in sentences for word in sentence} | {"."} == set(words)


@pytest.mark.parametrize("tokens", [0, -1])
def test_a_text_without_tokens_is_refused(tokens: int) -> None:
    with pytest.raises(ValueError, match="positive number of tokens"):
        grammar.sample_text(tokens, seed=0)


def test_log_odds_of_an_unknown_word_are_refused() -> None:
    with pytest.raises(ValueError, match="expected one of the ambiguous words bank"):
        grammar.log_odds("the box and the house", "house")


def test_words_share_topics_but_no_two_share_both() -> None:
    pairs = [frozenset(topics) for topics in AMBIGUOUS.values()]
    assert len(set(pairs)) == len(AMBIGUOUS) == 12
    assert Counter(name for pair in pairs for name in pair) == dict.fromkeys(TOPICS, 3)
    assert not any(first & second for first, second in zip(pairs, pairs[1:] + pairs[:1], strict=True))


def test_log_odds_add_up_over_cues() -> None:
    weak, strong = (math.log(RELIABILITY[name] / (1 - RELIABILITY[name])) for name in ("weak", "strong"))
    assert grammar.log_odds("the ferry and the bridge near the fox", "bank") == pytest.approx(strong + weak)
    assert grammar.log_odds("the loan and the bridge", "bank") == pytest.approx(weak - strong)
    assert grammar.log_odds("the box and the chair", "bank") == 0


def test_log_odds_are_those_of_the_text(sentences: list[list[str]]) -> None:
    """Among contexts of log-odds x, the first sense follows in a share of sigmoid(x)."""
    seen: dict[int, list[tuple[float, bool]]] = {}
    for sentence in sentences:
        word = next((token for token in sentence if token in AMBIGUOUS), None)
        if word is None or "," not in sentence[: sentence.index(word)]:
            continue
        place = sentence.index(word)
        first, second = (set(TOPICS[name].verbs) & set(sentence[place:]) for name in AMBIGUOUS[word])
        if bool(first) != bool(second):
            exact = grammar.log_odds(" ".join(sentence[:place]), word)
            seen.setdefault(round(exact), []).append((exact, bool(first)))
    assert sum(map(len, seen.values())) > 1500
    for pairs in (pairs for pairs in seen.values() if len(pairs) > 100):
        expected = sum(1 / (1 + math.exp(-exact)) for exact, _ in pairs) / len(pairs)
        error = math.sqrt(max(expected * (1 - expected), 0.001) / len(pairs))
        # Passages share topics, so the spread is a little above the binomial one.
        assert sum(right for _, right in pairs) / len(pairs) == pytest.approx(expected, abs=5 * error)


def test_verbs_depend_on_the_sense_and_on_the_word(sentences: list[list[str]]) -> None:
    after: dict[str, Counter[str]] = {word: Counter() for word in AMBIGUOUS}
    for sentence in sentences:
        for word, following in pairwise(sentence):
            if word in after:
                after[word][following] += 1
    for topic_name, topic in TOPICS.items():
        favourites = []
        for word in (word for word, topics in AMBIGUOUS.items() if topic_name in topics):
            verbs = Counter({verb: after[word][verb] for verb in topic.verbs})
            favourites += [verb for verb, _ in verbs.most_common(2)]
        assert set(favourites) == set(topic.verbs)
    foreign = set().union(*(TOPICS[name].verbs for name in TOPICS if name not in AMBIGUOUS["bank"]))
    assert not foreign & set(after["bank"])


def test_perplexity_bounds_are_ordered() -> None:
    low, high = grammar.perplexity_bounds(20_000, seed=6)
    assert 1 < low < high < 5


# --- the prompts ---


def all_prompts(entry: dict[str, str | list[str]]) -> list[str]:
    return [sentence for value in entry.values() if isinstance(value, list) for sentence in value]


@by_word
def test_prompts_end_with_the_word_and_differ(entry: dict) -> None:
    sentences = all_prompts(entry)
    assert len(set(sentences)) == len(sentences) == 2 * 8 + 5 * 3 + 2 * 10
    assert {sentence.split()[-1] for sentence in sentences} == {entry["word"]}
    assert all(sentence.split().count(entry["word"]) == 1 for sentence in sentences)


@by_word
def test_prompts_are_in_the_vocabulary_and_of_one_length(entry: dict) -> None:
    known = set(grammar.vocabulary())
    assert all(set(sentence.split()) <= known for sentence in all_prompts(entry))
    assert len({len(sentence.split()) for sentence in all_prompts(entry)}) == 1


@by_word
def test_prompt_strengths_are_ordered_by_exact_log_odds(entry: dict) -> None:
    def odds(key: str) -> list[float]:
        return [grammar.log_odds(sentence, entry["word"]) for sentence in entry[key]]

    assert odds("neutral") == [0, 0, 0]
    for side, sign in SIDES.items():
        gradient = [sign * value for value in odds(f"gradient_{side}")]
        assert len(gradient) == 10
        assert gradient[0] > 0
        assert all(low < high for low, high in pairwise(gradient))
        weak, strong = ([sign * value for value in odds(f"{name}_{side}")] for name in ("weak", "strong"))
        assert 0 < max(weak) < 1 < 5 < min(strong)
        assert min(sign * value for value in odds(f"direction_{side}")) > 5


def test_the_lexicon_file_is_what_the_rule_writes() -> None:
    text = (FIXTURES / "lexicon" / "grammar.toml").read_text()
    assert text == prompts.lexicon_toml()
    assert tomllib.loads(text)["word"] == ENTRIES


# --- the models ---


@pytest.fixture(scope="module", params=MODELS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def model(name: str) -> GPT2LMHeadModel:
    return GPT2LMHeadModel.from_pretrained(FIXTURES / name).eval()


def test_weights_are_the_recorded_ones(name: str) -> None:
    digest = hashlib.sha256((FIXTURES / name / "model.safetensors").read_bytes()).hexdigest()
    assert digest == figures()[name]["sha256"]
    readme = (FIXTURES / "README.md").read_text()
    assert digest in readme
    assert f"| {figures()[name]['perplexity']:.2f} |" in readme


def test_weights_are_small() -> None:
    assert sum((FIXTURES / name / "model.safetensors").stat().st_size for name in MODELS) < 10_000_000


def test_tokenizer_splits_words_and_adds_nothing(name: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(FIXTURES / name)
    text = grammar.sample_text(200, seed=8)
    assert tokenizer.convert_ids_to_tokens(tokenizer(text).input_ids) == text.split()
    assert (tokenizer.bos_token, tokenizer.eos_token, tokenizer.bos_token_id) == ("<bos>", "<bos>", 0)
    assert tokenizer("unheard").input_ids == [tokenizer.unk_token_id]


def test_models_know_the_language(name: str, model: GPT2LMHeadModel, maker: ModuleType) -> None:
    text = maker.stream(5000, seed=99)
    losses = maker.held_out_losses(model, text, windows=4)
    language = figures()["language"]
    perplexity = math.exp(losses.mean())
    assert perplexity == pytest.approx(figures()[name]["perplexity"], rel=0.06)
    assert perplexity < 0.5 * language["bigram_perplexity"] < 0.3 * language["unigram_perplexity"]
    assert math.exp(losses[:, 512:].mean()) < 1.1 * math.exp(losses[:, 128:512].mean())


def test_models_tell_the_senses_apart(model: GPT2LMHeadModel, maker: ModuleType) -> None:
    result = maker.disambiguation(model)
    assert result["strong_right"] > 0.95
    assert result["gradient_spearman_mean"] > 0.95
    assert result["gradient_spearman_least"] > 0.85


@pytest.mark.slow
def test_training_repeats_itself(maker: ModuleType) -> None:
    text = maker.stream(20_000, seed=1)
    recipe = replace(maker.RECIPES["tiny"], layers=3, steps=6, long_every=3, warmup=2)
    first, second = (maker.train(recipe, text).state_dict() for _ in range(2))
    assert all(torch.equal(first[key], second[key]) for key in first)
