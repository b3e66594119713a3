"""Neither batch nor order changes a text, and draws follow the model's probabilities."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare
from wandering import generate, prompts_of

from semphase.measure import generation
from semphase.measure.edits import zeroed
from semphase.measure.generating.sampling import next_tokens, uniforms
from semphase.measure.generation import continuation
from semphase.measure.items import Items
from semphase.measure.sites import head
from semphase.measure.wiring import form

KINDS = [{}, {"temperature": 0.7, "samples": 3}, {"temperature": 1.3, "samples": 2}]
TOKENS = 10
EDITS = [zeroed(head(1, 2)), form(head(0, 1), "relu")]
DRAWS, UNLIKELY = 4000, 1e-4


def texts(model, items, **decoding):
    return generate(model, items, EDITS, tokens=TOKENS, **decoding).token.values


@pytest.mark.parametrize("decoding", KINDS, ids=str)
@pytest.mark.parametrize("family", ["gpt2", "gemma3_text"])
def test_neither_batch_nor_order_changes_a_text(wandering, monkeypatch, family, decoding):
    model, items = wandering(family), prompts_of((5, 9, 3, 8))
    together = texts(model, items, **decoding)
    for k, prompt in enumerate(items.tokens):
        np.testing.assert_array_equal(texts(model, Items.of([prompt]), **decoding)[0], together[k])
    order = [2, 0, 3, 1]
    shuffled = Items.of([items.tokens[k] for k in order])
    np.testing.assert_array_equal(texts(model, shuffled, **decoding), together[order])
    for rows in (1, 2):
        monkeypatch.setattr(generation, "ROWS", rows)
        np.testing.assert_array_equal(texts(model, items, **decoding), together)


def test_equal_prompts_samples_and_seeds_draw_for_themselves(wandering):
    model, prompt = wandering("llama"), prompts_of((6,)).tokens[0]
    found = texts(model, Items.of([prompt, prompt]), temperature=1.5, samples=2)
    other = texts(model, Items.of([prompt, prompt]), temperature=1.5, samples=2, seed=1)
    drawn = {tuple(text) for part in (found, other) for text in part.reshape(-1, TOKENS).tolist()}
    assert len(drawn) == 8
    more = texts(model, Items.of([prompt]), temperature=1.5, samples=5)
    assert len({tuple(text) for text in more[0].tolist()}) == 5


def test_a_text_does_not_depend_on_how_long_it_may_become(wandering):
    model, items = wandering("qwen2"), prompts_of((4, 7))
    short = generate(model, items, tokens=5).token.values
    np.testing.assert_array_equal(short, generate(model, items, tokens=9).token.values[:, :, :5])


@pytest.mark.parametrize("temperature", [1e-6, 1e-300])
def test_temperature_near_0_is_greedy(wandering, temperature):
    model, items = wandering("gpt2"), prompts_of((5, 9, 3))
    cold = texts(model, items, temperature=temperature, samples=2)
    for sample in range(2):
        np.testing.assert_array_equal(cold[:, sample], texts(model, items)[:, 0])


@pytest.mark.parametrize("temperature", [0.7, 1.0, 1.3])
@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_first_tokens_are_as_frequent_as_the_softmax_says(wandering, family, temperature):
    model, items = wandering(family), prompts_of((7,))
    found = generate(model, items, tokens=1, temperature=temperature, samples=DRAWS, seed=3).token.values.ravel()
    logits = continuation(model, items, (), [()])[0].double()
    expected = DRAWS * (logits / temperature).softmax(dim=-1).numpy()
    often = expected >= 5
    counts = np.bincount(found, minlength=len(expected))
    assert often.sum() >= 3
    observed, wanted = ([*part[often], part[~often].sum()] for part in (counts, expected))
    assert chisquare(observed, wanted).pvalue > UNLIKELY


def test_log_p_is_that_at_temperature_1(wandering):
    model, items = wandering("gpt2"), prompts_of((7,))
    found = generate(model, items, tokens=1, temperature=2.5, samples=8)
    logs = continuation(model, items, (), [()])[0].double().log_softmax(dim=-1).numpy()
    np.testing.assert_allclose(found.log_probability.values[0, :, 0], logs[found.token.values[0, :, 0]], rtol=1e-6)


LOGITS = st.lists(st.one_of(st.floats(-50, 50), st.just(float("-inf"))), min_size=1, max_size=12)


@given(LOGITS, st.floats(0, 1, exclude_max=True), st.floats(0.05, 20))
def test_the_token_is_the_first_whose_sum_passes_the_number(given_logits, uniform, temperature):
    logits = torch.tensor([[*given_logits, 0.0]], dtype=torch.float64)
    token = int(next_tokens(logits, temperature, torch.tensor([uniform], dtype=torch.float64))[0])
    sums = (logits[0] / temperature).softmax(dim=-1).cumsum(dim=-1)
    # Sums of a dozen numbers below 1 are rounded by less than 1e-14.
    assert sums[token] > uniform - 1e-14
    assert token == 0 or sums[token - 1] <= uniform + 1e-14


@pytest.mark.parametrize("nearly", [1 - 2.0**-53, 1.0])
def test_a_token_that_cannot_come_never_does(nearly):
    logits = torch.tensor([[1.0, 2.0, float("-inf")], [0.0, float("-inf"), float("-inf")]])
    found = next_tokens(logits, 1.0, torch.tensor([nearly, nearly], dtype=torch.float64))
    assert found.tolist() == [1, 0]


def test_draws_are_even_and_belong_to_prompt_sample_and_step():
    drawn = uniforms(((1, 2), (3,), (1, 2)), 2, 500, 0)
    assert drawn.shape == (3, 2, 500)
    assert len(np.unique(drawn)) == drawn.size
    assert ((drawn >= 0) & (drawn < 1)).all()
    counts = np.histogram(drawn, bins=10, range=(0, 1))[0]
    assert chisquare(counts).pvalue > UNLIKELY
    np.testing.assert_array_equal(uniforms(((3,), (1, 2)), 2, 500, 0)[::-1], drawn[:2])
    assert (uniforms(((1, 2),), 2, 500, 1) != drawn[0]).all()
